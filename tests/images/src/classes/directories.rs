// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory units, entries, names, and the tree that they make.

use daxfs_format::{Rule, SectionKind};

use super::{class, Class, On};
use crate::specimen::Specimen;

const NESTED: &str = "directory/nested";
const DEEPER: &str = "directory/nested/deeper";

/// The index of the second of the names in `hashes` that share a hash.
const SECOND_EQUAL: u32 = 2;

pub(super) const CLASSES: &[Class] = &[
    class(
        "unit-longer-than-its-names",
        Rule::DirectoryShape,
        On::Inode("directory"),
        |s| {
            let inode = s.inode("directory");
            inode.size.set(inode.size.get() + 1);
        },
    ),
    class(
        "unit-too-short-for-its-entries",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").size.set(33);
        },
    ),
    class(
        "unit-of-4-gib",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").size.set(1 << 32);
        },
    ),
    class(
        "unit-size-of-all-ones",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").size.set(u64::MAX);
        },
    ),
    class(
        "unit-past-its-section",
        Rule::InodeOffset,
        On::Inode("directory"),
        |s| {
            let end = s.section(SectionKind::Directories).end();
            s.inode("directory").offset.set(end);
        },
    ),
    class(
        "unit-in-the-inodes",
        Rule::InodeOffset,
        On::Inode("directory"),
        |s| {
            let start = s.section(SectionKind::Inodes).offset;
            s.inode("directory").offset.set(start);
        },
    ),
    class(
        "unit-misaligned",
        Rule::InodeOffset,
        On::Inode("directory"),
        |s| {
            let inode = s.inode("directory");
            inode.offset.set(inode.offset.get() + 8);
        },
    ),
    class(
        "unit-of-another",
        Rule::DirectoryPlace,
        On::Inode(NESTED),
        |s| {
            let other = *s.inode("directory");
            let inode = s.inode(NESTED);
            inode.offset = other.offset;
            inode.size = other.size;
            inode.count = other.count;
        },
    ),
    class("unit-padding", Rule::Padding, On::Inode("one"), |s| {
        let directory = s.directory("one");
        *s.byte(directory.offset() + directory.unit_length()) = 1;
    }),
    class(
        "entries-too-many",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").count.set(1000);
        },
    ),
    class(
        "entries-of-all-ones",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").count.set(u32::MAX);
        },
    ),
    class(
        "entries-too-few",
        Rule::DirectoryShape,
        On::EntryAt("directory", 0),
        |s| {
            s.inode("directory").count.set(1);
        },
    ),
    class(
        "entries-none-but-bytes",
        Rule::InodeSize,
        On::Inode("directory"),
        |s| {
            s.inode("directory").count.set(0);
        },
    ),
    class(
        "entry-reserved",
        Rule::EntryReserved,
        On::Entry("directory", "nested"),
        |s| {
            s.entry("directory", "nested").reserved_15 = 1;
        },
    ),
    class(
        "entry-inode-zero",
        Rule::EntryInode,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").inode.set(0);
        },
    ),
    class(
        "entry-inode-beyond",
        Rule::EntryInode,
        On::Entry("one", "x"),
        |s| {
            let count = s.image().inode_count();
            s.entry("one", "x").inode.set(count + 1);
        },
    ),
    class(
        "entry-inode-in-the-upper-half",
        Rule::EntryInode,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").inode.set(1 << 31);
        },
    ),
    class(
        "entry-type-of-another",
        Rule::EntryType,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").file_type = 4;
        },
    ),
    class(
        "entry-type-unknown",
        Rule::EntryType,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").file_type = 3;
        },
    ),
    class(
        "entry-type-whiteout",
        Rule::EntryType,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").file_type = 14;
        },
    ),
    class("name-empty", Rule::EntryName, On::Entry("one", "x"), |s| {
        s.entry("one", "x").name_length.set(0);
    }),
    class(
        "name-of-256-bytes",
        Rule::EntryName,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").name_length.set(256);
        },
    ),
    class(
        "name-past-the-unit",
        Rule::DirectoryShape,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").name_offset.set(u32::MAX);
        },
    ),
    class(
        "name-longer-than-the-unit",
        Rule::DirectoryShape,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").name_length.set(255);
        },
    ),
    class(
        "name-in-the-entries",
        Rule::DirectoryShape,
        On::Entry("one", "x"),
        |s| {
            s.entry("one", "x").name_offset.set(0);
        },
    ),
    class(
        "name-is-a-slash",
        Rule::EntryName,
        On::Entry("one", "x"),
        |s| {
            s.rename("one", "x", b"/");
        },
    ),
    class(
        "name-is-a-nul",
        Rule::EntryName,
        On::Entry("one", "x"),
        |s| {
            s.rename("one", "x", b"\0");
        },
    ),
    class(
        "name-ends-with-a-slash",
        Rule::EntryName,
        On::Entry("two", "yy"),
        |s| {
            s.rename("two", "yy", b"y/");
        },
    ),
    class("name-is-dot", Rule::EntryName, On::Entry("one", "x"), |s| {
        s.rename("one", "x", b".");
    }),
    class(
        "name-is-dot-dot",
        Rule::EntryName,
        On::Entry("two", "yy"),
        |s| {
            s.rename("two", "yy", b"..");
        },
    ),
    class(
        "name-twice",
        Rule::EntryOrder,
        On::EntryAt("hashes", SECOND_EQUAL),
        |s| {
            let [first, second] = equal_names(s);
            s.name("hashes", &second).copy_from_slice(first.as_bytes());
        },
    ),
    class(
        "names-unsorted",
        Rule::EntryOrder,
        On::EntryAt("hashes", SECOND_EQUAL),
        |s| {
            let [first, second] = equal_names(s);
            s.name("hashes", &second).copy_from_slice(first.as_bytes());
            s.name("hashes", &first).copy_from_slice(second.as_bytes());
        },
    ),
    class(
        "hash-of-another-name",
        Rule::EntryHash,
        On::Entry("one", "x"),
        |s| {
            let entry = s.entry("one", "x");
            entry.hash.set(entry.hash.get() ^ 1);
        },
    ),
    class(
        "parent-is-another",
        Rule::DirectoryParent,
        On::Entry("directory", "nested"),
        |s| {
            s.inode(NESTED).link.set(1);
        },
    ),
    class(
        "parent-zero",
        Rule::DirectoryParent,
        On::Entry("directory", "nested"),
        |s| {
            s.inode(NESTED).link.set(0);
        },
    ),
    class(
        "parent-of-all-ones",
        Rule::DirectoryParent,
        On::Entry("directory", "nested"),
        |s| {
            s.inode(NESTED).link.set(u32::MAX);
        },
    ),
    class(
        "directory-with-two-names",
        Rule::DirectoryParent,
        On::Inode(NESTED),
        |s| {
            let nested = s.ino(NESTED);
            s.entry("directory", "sibling").inode.set(nested);
        },
    ),
    class(
        "directory-in-two-directories",
        Rule::DirectoryParent,
        On::Entry(DEEPER, "file"),
        |s| {
            let sibling = s.ino("directory/sibling");
            let entry = s.entry(DEEPER, "file");
            entry.inode.set(sibling);
            entry.file_type = 4;
        },
    ),
    class(
        "directory-in-itself",
        Rule::DirectoryParent,
        On::Entry(DEEPER, "file"),
        |s| {
            let deeper = s.ino(DEEPER);
            let entry = s.entry(DEEPER, "file");
            entry.inode.set(deeper);
            entry.file_type = 4;
        },
    ),
    class(
        "ring-that-hangs-on-the-root",
        Rule::DirectoryParent,
        On::Entry(DEEPER, "file"),
        |s| {
            let nested = s.ino(NESTED);
            let entry = s.entry(DEEPER, "file");
            entry.inode.set(nested);
            entry.file_type = 4;
        },
    ),
    class(
        "ring-that-hangs-on-nothing",
        Rule::DirectoryParent,
        On::Inode(NESTED),
        |s| {
            let sibling = s.ino("directory/sibling");
            s.entry("directory", "nested").inode.set(sibling);
            let (nested, deeper) = (s.ino(NESTED), s.ino(DEEPER));
            let entry = s.entry(DEEPER, "file");
            entry.inode.set(nested);
            entry.file_type = 4;
            s.inode(NESTED).link.set(deeper);
        },
    ),
    class(
        "root-named-by-an-entry",
        Rule::DirectoryParent,
        On::Entry("one", "x"),
        |s| {
            let entry = s.entry("one", "x");
            entry.inode.set(1);
            entry.file_type = 4;
        },
    ),
];

/// The first two of the names in `hashes` that share a hash; the reference image takes readable ones.
fn equal_names(specimen: &Specimen) -> [String; 2] {
    let names = specimen.names("hashes");
    let text = |index: usize| String::from_utf8(names[index].clone()).expect("names in UTF-8");
    [text(1), text(2)]
}
