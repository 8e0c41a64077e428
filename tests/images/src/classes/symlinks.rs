// SPDX-License-Identifier: MIT OR Apache-2.0
//! Symlink targets.

use daxfs_format::{Rule, SectionKind};

use super::{class, Class, On};

pub(super) const CLASSES: &[Class] = &[
    class("target-empty", Rule::InodeSize, On::Inode("link"), |s| {
        s.inode("link").size.set(0);
    }),
    class(
        "target-of-4096-bytes",
        Rule::InodeSize,
        On::Inode("link"),
        |s| {
            s.inode("link").size.set(4096);
        },
    ),
    class(
        "target-of-all-ones",
        Rule::InodeSize,
        On::Inode("link"),
        |s| {
            s.inode("link").size.set(u64::MAX);
        },
    ),
    class(
        "target-past-its-section",
        Rule::InodeOffset,
        On::Inode("link-byte"),
        |s| {
            s.inode("link-byte").size.set(2);
        },
    ),
    class(
        "target-in-the-data",
        Rule::InodeOffset,
        On::Inode("link"),
        |s| {
            let data = s.section(SectionKind::Data).offset;
            s.inode("link").offset.set(data);
        },
    ),
    class(
        "target-with-nul",
        Rule::SymlinkTarget,
        On::Inode("link"),
        |s| {
            let at = s.contents_at("link");
            *s.byte(at + 3) = 0;
        },
    ),
    class(
        "target-of-another",
        Rule::SymlinkPlace,
        On::Inode("link-long"),
        |s| {
            let other = s.inode("link").offset;
            s.inode("link-long").offset = other;
        },
    ),
    class(
        "target-after-a-gap",
        Rule::SymlinkPlace,
        On::Inode("link-long"),
        |s| {
            let inode = s.inode("link");
            inode.size.set(inode.size.get() - 1);
        },
    ),
    class(
        "target-after-the-last",
        Rule::SymlinkPlace,
        On::Section(SectionKind::Symlinks),
        |s| {
            s.entry("", "link-byte").file_type = 1;
            let inode = s.inode("link-byte");
            inode.mode.set(0o1_0644);
            inode.size.set(0);
            inode.offset.set(0);
        },
    ),
];
