// SPDX-License-Identifier: MIT OR Apache-2.0
//! The section table, checksums of sections, and the bytes between them.

use daxfs_format::{Rule, SectionKind};

use super::{class, Class, On};
use crate::specimen::{Seal, Specimen};

// The order of the sections in the table of the reference image.
const INODES: u32 = 0;
const DIRECTORIES: u32 = 1;
const SYMLINKS: u32 = 2;
const XATTRS: u32 = 3;
const OPTIONAL: u32 = 6;
const DATA: u32 = 8;

pub(super) const CLASSES: &[Class] = &[
    class(
        "section-count-zero",
        Rule::SectionCount,
        On::Superblock,
        |s| {
            s.superblock().section_count.set(0);
        },
    ),
    class(
        "section-count-61",
        Rule::SectionCount,
        On::Superblock,
        |s| {
            s.superblock().section_count.set(61);
        },
    ),
    class(
        "section-count-of-all-ones",
        Rule::SectionCount,
        On::Superblock,
        |s| {
            s.superblock().section_count.set(u32::MAX);
        },
    ),
    class(
        "section-count-short",
        Rule::SectionUnused,
        On::SectionEntry(DATA),
        |s| {
            let count = s.superblock().section_count.get();
            s.superblock().section_count.set(count - 1);
        },
    ),
    class(
        "section-unused-entry",
        Rule::SectionUnused,
        On::SectionEntry(59),
        |s| {
            s.superblock().sections[59].sha256[31] = 1;
        },
    ),
    class(
        "section-unknown-mandatory",
        Rule::SectionUnknown,
        On::SectionEntry(OPTIONAL),
        |s| {
            s.superblock().sections[6].flags.set(1);
        },
    ),
    class(
        "section-twice",
        Rule::SectionDuplicate,
        On::SectionEntry(XATTRS),
        |s| {
            s.section_entry(SectionKind::Xattrs)
                .kind
                .set(SectionKind::Symlinks.number());
        },
    ),
    class(
        "section-missing",
        Rule::SectionMissing,
        On::Superblock,
        |s| {
            s.superblock().sections.copy_within(1.., 0);
            s.superblock().section_count.set(8);
        },
    ),
    class(
        "section-flags-not-of-its-kind",
        Rule::SectionFlags,
        On::SectionEntry(INODES),
        |s| {
            let entry = s.section_entry(SectionKind::Inodes);
            entry.flags.set(1);
            entry.xxh64.set(0);
            entry.sha256 = [0; 32];
        },
    ),
    class(
        "section-flags-unknown",
        Rule::SectionFlags,
        On::SectionEntry(OPTIONAL),
        |s| {
            s.superblock().sections[6].flags.set(1 << 31);
        },
    ),
    class(
        "section-length-zero",
        Rule::SectionLength,
        On::SectionEntry(XATTRS),
        |s| {
            s.section_entry(SectionKind::Xattrs).length.set(0);
        },
    ),
    class(
        "section-length-ragged",
        Rule::SectionLength,
        On::SectionEntry(INODES),
        |s| {
            let entry = s.section_entry(SectionKind::Inodes);
            entry.length.set(entry.length.get() - 1);
        },
    ),
    class(
        "section-inodes-without-root",
        Rule::SectionLength,
        On::SectionEntry(INODES),
        |s| {
            s.section_entry(SectionKind::Inodes).length.set(64);
        },
    ),
    class(
        "section-misaligned",
        Rule::SectionAlignment,
        On::SectionEntry(DIRECTORIES),
        |s| {
            let entry = s.section_entry(SectionKind::Directories);
            entry.offset.set(entry.offset.get() + 16);
            entry.length.set(entry.length.get() - 16);
        },
    ),
    class(
        "section-data-not-on-a-page",
        Rule::SectionAlignment,
        On::SectionEntry(DATA),
        |s| {
            let entry = s.section_entry(SectionKind::Data);
            entry.offset.set(entry.offset.get() + 64);
            entry.length.set(entry.length.get() - 4096);
        },
    ),
    class(
        "section-past-the-end",
        Rule::SectionBounds,
        On::SectionEntry(DATA),
        |s| {
            let entry = s.section_entry(SectionKind::Data);
            entry.length.set(entry.length.get() + 4096);
        },
    ),
    class(
        "section-wraps",
        Rule::SectionBounds,
        On::SectionEntry(DATA),
        |s| {
            s.section_entry(SectionKind::Data)
                .offset
                .set(u64::MAX - 4095);
        },
    ),
    class(
        "section-length-of-all-ones",
        Rule::SectionBounds,
        On::SectionEntry(INODES),
        |s| {
            s.section_entry(SectionKind::Inodes).length.set(u64::MAX);
        },
    ),
    class(
        "section-over-the-superblock",
        Rule::SectionOrder,
        On::SectionEntry(INODES),
        |s| {
            s.section_entry(SectionKind::Inodes).offset.set(0);
        },
    ),
    class(
        "section-in-the-end-of-the-superblock",
        Rule::SectionOrder,
        On::SectionEntry(INODES),
        |s| {
            s.section_entry(SectionKind::Inodes).offset.set(4032);
        },
    ),
    class(
        "sections-on-one-place",
        Rule::SectionOrder,
        On::SectionEntry(DIRECTORIES),
        |s| {
            let offset = s.section(SectionKind::Inodes).offset;
            s.section_entry(SectionKind::Directories).offset.set(offset);
        },
    ),
    class(
        "sections-overlap-by-an-inode",
        Rule::SectionOrder,
        On::SectionEntry(DIRECTORIES),
        |s| {
            let entry = s.section_entry(SectionKind::Inodes);
            entry.length.set(entry.length.get() + 64);
        },
    ),
    class(
        "sections-swapped-in-the-table",
        Rule::SectionOrder,
        On::SectionEntry(SYMLINKS),
        |s| {
            s.superblock().sections.swap(1, 2);
        },
    ),
    class(
        "section-hash-without-flag",
        Rule::SectionHash,
        On::SectionEntry(DATA),
        |s| {
            s.section_entry(SectionKind::Data).xxh64.set(1);
        },
    ),
    class(
        "section-digest-without-flag",
        Rule::SectionHash,
        On::SectionEntry(DATA),
        |s| {
            s.section_entry(SectionKind::Data).sha256[31] = 1;
        },
    ),
    class(
        "section-checksum-wrong",
        Rule::SectionChecksum,
        On::Section(SectionKind::Xattrs),
        |s| {
            s.seal = Seal::Superblock;
            let entry = s.section_entry(SectionKind::Xattrs);
            entry.xxh64.set(!entry.xxh64.get());
        },
    ),
    class(
        "section-not-sealed",
        Rule::SectionChecksum,
        On::Section(SectionKind::Directories),
        |s| {
            s.seal = Seal::Nothing;
            s.name("", "empty")[0] = b'f';
        },
    ),
    class(
        "section-digest-wrong",
        Rule::SectionDigest,
        On::Section(SectionKind::Inodes),
        |s| {
            s.seal = Seal::Superblock;
            s.section_entry(SectionKind::Inodes).sha256[31] ^= 0x80;
        },
    ),
    class("gap-between-sections", Rule::Padding, On::Gap, |s| {
        let end = s.section(SectionKind::Packed).end();
        *s.byte(end) = 1;
    }),
    class("gap-before-the-data", Rule::Padding, On::Gap, |s| {
        let start = s.section(SectionKind::Data).offset;
        *s.byte(start - 1) = 1;
    }),
    class("page-of-nobody", Rule::Padding, On::Gap, |s| {
        let end = s.section(SectionKind::Data).end();
        *s.byte(end - 1) = 1;
    }),
    class(
        "bytes-after-the-last-section",
        Rule::Padding,
        On::Gap,
        |s| {
            let mut images = crate::reference::variants().into_iter();
            let (_, image) = images
                .find(|(name, _)| *name == "packed")
                .expect("a variant");
            *s = Specimen::new(image);
            let end = s.len();
            *s.byte(end - 1) = 1;
        },
    ),
];
