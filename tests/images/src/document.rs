// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/hostile.md`, printed from the table of classes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use daxfs_format::Rule;

use crate::beyond::{Judge, ARGUMENTS, PEERS};
use crate::classes::{all, errno, Target, GROUPS};

/// What stands before the tables.
const HEAD: &str = "\
# Hostile images

Nothing that memory contains may hurt a reader. This page lists what an image can have wrong, what is
found, and what the kernel answers. `cargo xtask hostile` writes it from the table that drives the tests and
from what it counts; a test fails when it is stale.

Each class has a generator, which changes the reference image (one of every kind of object, 48 KiB) in one
way and re-seals it. The test `every_class_is_found_by_its_rule` builds each image and wants the rule and
object below as the first finding, and `every_rule_has_a_class` wants every rule of
[format.md](format.md#14-rules) among them. \"Found by\" is the first check that can know:

| found by | when |
|---|---|
| open | each mount, each tool |
| checksums | the first mount of an image, with the SHA-256 where `identity=` or `validate` ask for it; `daxfs-fsck` |
| structure | `daxfs-fsck`; a mount with `validate` |
| contents | `daxfs-fsck --verify-data` |

An image that is bad beyond what a mount checks is mounted, and is still safe: each reader validates what
it reads, and answers with the errno of the rule that is broken there.
";

/// The whole page.
///
/// # Panics
/// When a part of it is missing.
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
    arguments(&mut page);
    peers(&mut page);
    for name in [MEASURED, BREAKS] {
        page.push('\n');
        let text = std::fs::read_to_string(part(name));
        page.push_str(&text.expect("the parts of the page lie beside the source"));
    }
    page
}

fn arguments(page: &mut String) {
    page.push_str(ARGUMENTS_HEAD);
    for class in ARGUMENTS {
        let judge = match class.judge {
            Judge::Parser => "the parser",
            Judge::Mount => "the mount",
        };
        // Sixty-four digits would say no more than a few.
        let options = class.options.replace(&"0".repeat(64), "0…0");
        let _ = writeln!(
            page,
            "| {} | `{options}` | {judge} | {} | `{}` | {} |",
            class.name, class.errno, class.case, class.broken
        );
    }
}

fn peers(page: &mut String) {
    page.push_str(PEERS_HEAD);
    for class in PEERS {
        let shown = class.shown_by.iter().map(|name| format!("`{name}`"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            page,
            "| {} | {} | {shown} | {} |",
            class.name, class.does, class.broken
        );
    }
}

const ARGUMENTS_HEAD: &str = "
### Arguments of a mount

`HERE` is the address of an image. What the parser refuses is also refused in user space, by the test
`every_argument_is_refused`; all of it is refused in a guest, by the case.

| class | options | refused by | errno | case | break for which a test failed |
|---|---|---|---|---|---|
";

const PEERS_HEAD: &str = "
### Peers that write meanwhile

| class | what the peer does | shown by | break for which that failed |
|---|---|---|---|
";

/// The part that a full run writes.
pub const MEASURED: &str = "measured.md";
/// The part about checks that were switched off.
pub const BREAKS: &str = "breaks.md";

/// Where a part of the page lies.
#[must_use]
pub fn part(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// An object in words.
fn object(on: Target) -> String {
    match on {
        Target::Superblock => "superblock".to_owned(),
        Target::SectionEntry(index) => format!("section table entry {index}"),
        Target::Section(kind) => format!("{kind} section"),
        Target::Inode(path) => format!("inode of `/{path}`"),
        Target::Number(number) => format!("inode {number}"),
        Target::Entry(directory, name) => format!("entry `{name}` of `/{directory}`"),
        Target::EntryAt(directory, index) => format!("entry {index} of `/{directory}`"),
        Target::XattrSet(number) => format!("xattr set {number}"),
        Target::Extent(path, index) => format!("extent {index} of `/{path}`"),
        Target::Content(path) => format!("content of `/{path}`"),
        Target::Gap => "padding".to_owned(),
    }
}
