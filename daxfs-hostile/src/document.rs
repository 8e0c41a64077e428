// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/hostile.md`, printed from the table of classes.

use std::fmt::Write as _;

use daxfs_format::Rule;

use crate::classes::{all, errno, On, GROUPS};

/// What stands before the tables.
const HEAD: &str = "\
# Hostile images

Nothing that memory contains may hurt a reader. This page lists what an image can have wrong, what is
found, and what the kernel answers. It is printed by `cargo run -p daxfs-hostile -- document` from the
table that drives the tests; a test fails when it is stale.

Each class has a generator, which changes the reference image (one of every kind of object, 48 KiB) in one
way and re-seals it. The test `every_class_is_found_by_its_rule` builds each image and wants the rule and
object below as the first finding, and `every_rule_has_a_class` wants every rule of
[format.md](format.md#14-rules) among them. \"Found by\" is the first check that can know:

| found by | when |
|---|---|
| open | each mount, each tool |
| checksums | each mount unless skipped, each run of `daxfs-fsck` |
| structure | `daxfs-fsck`; a mount with `validate` |
| contents | `daxfs-fsck --verify-data` |

An image that is bad beyond what a mount checks is mounted, and is still safe: each reader validates what
it reads, and answers with the errno of the rule that is broken there.
";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let count = all().count();
    let rules = Rule::ALL.len();
    let _ = writeln!(page, "\n## Classes\n\n{count} classes for {rules} rules.");
    for (group, classes) in GROUPS {
        let _ = writeln!(page, "\n### {group}\n");
        page.push_str("| class | rule | in | found by | errno |\n|---|---|---|---|---|\n");
        for class in *classes {
            let stage = class.stage().map_or("nothing", |stage| stage.name());
            let _ = writeln!(
                page,
                "| {} | `{}` | {} | {stage} | {} |",
                class.name,
                class.rule,
                object(class.object),
                errno(class.rule),
            );
        }
    }
    page.push_str("\nBesides, an image cut off at any byte is refused with `image-truncated`.\n");
    for part in [include_str!("../measured.md"), include_str!("../breaks.md")] {
        page.push('\n');
        page.push_str(part);
    }
    page
}

/// An object in words.
fn object(on: On) -> String {
    match on {
        On::Superblock => "superblock".to_owned(),
        On::SectionEntry(index) => format!("section table entry {index}"),
        On::Section(kind) => format!("{kind} section"),
        On::Inode(path) => format!("inode of `/{path}`"),
        On::Number(number) => format!("inode {number}"),
        On::Entry(directory, name) => format!("entry `{name}` of `/{directory}`"),
        On::EntryAt(directory, index) => format!("entry {index} of `/{directory}`"),
        On::XattrSet(number) => format!("xattr set {number}"),
        On::Extent(path, index) => format!("extent {index} of `/{path}`"),
        On::Content(path) => format!("content of `/{path}`"),
        On::Gap => "padding".to_owned(),
    }
}
