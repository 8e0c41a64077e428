// SPDX-License-Identifier: MIT OR Apache-2.0
//! Superblock and memory; the section table, checksums of sections, and the bytes between them.

use daxfs_format::limits::MAX_IMAGE_SIZE;
use daxfs_format::SectionKind::*;

use super::edit::Anchor::*;
use super::edit::Edit::*;
use super::edit::Value::*;
use super::edit::{byte, At};
use super::{classes, Class};
use crate::editor::Seal;
use crate::reference::variant;

// The order of the sections in the table of the reference image.
const INODES: u32 = 0;
const DIRECTORIES: u32 = 1;
const SYMLINKS: u32 = 2;
const XATTRS: u32 = 3;
const OPTIONAL: u32 = 6;
const DATA: u32 = 8;

classes! {
    SUPERBLOCK:
    "memory-empty": ImageTruncated in Superblock [Resize(Is(0))];
    "memory-ends-in-superblock": ImageTruncated in Superblock [Resize(Is(4095))];
    "memory-one-byte-short": ImageTruncated in Superblock [Resize(Less(1))];
    "magic-wrong": SuperblockMagic in Superblock { Superblock.magic[0] = Is(0) };
    "magic-after-text-transfer": SuperblockMagic in Superblock { Superblock.magic[4] = Is8(b'\n') };
    "version-future": SuperblockVersion in Superblock { Superblock.version_major = Is(2) };
    "version-zero": SuperblockVersion in Superblock { Superblock.version_major = Is(0) };
    "superblock-checksum": SuperblockChecksum in Superblock
        [Seals(Seal::Nothing)] { Superblock.xxh64 = Flip(1) };
    "superblock-not-sealed": SuperblockChecksum in Superblock
        [Seals(Seal::Nothing)] { Superblock.uuid[0] = Flip(1) };
    "feature-unknown-first": IncompatibleFeature in Superblock { Superblock.incompatible = Is(1) };
    "feature-unknown-last": IncompatibleFeature in Superblock
        { Superblock.incompatible = Is(1 << 63) };
    "superblock-reserved-first": SuperblockReserved in Superblock
        { Superblock.reserved_129[0] = Is(1) };
    "superblock-reserved-middle": SuperblockReserved in Superblock
        { Superblock.reserved_136[55] = Is(1) };
    "superblock-reserved-last": SuperblockReserved in Superblock
        { Superblock.reserved_4032[55] = Is(1) };
    "page-shift-small": PageShift in Superblock { Superblock.page_shift = Is(11) };
    "page-shift-large": PageShift in Superblock { Superblock.page_shift = Is(17) };
    "page-shift-of-a-word": PageShift in Superblock { Superblock.page_shift = Is(64) };
    "label-after-its-end": Label in Superblock { Superblock.label[63] = Is8(b'x') };
    "image-larger-than-memory": ImageTruncated in Superblock { Superblock.image_size = More(4096) };
    "image-larger-than-its-sections": ImageSize in Superblock
        [Resize(More(4096))] { Superblock.image_size = More(4096) };
    "image-size-over-the-limit": ImageSize in Superblock
        { Superblock.image_size = Is(MAX_IMAGE_SIZE + 1) };
    "image-size-of-all-ones": ImageSize in Superblock { Superblock.image_size = Ones };
    "root-zero": InodeNumber in Superblock { Superblock.root = Is(0) };
    "root-in-the-upper-half": InodeNumber in Superblock { Superblock.root = Is(1 << 31) };
    "root-beyond-the-inodes": InodeNumber in Superblock { Superblock.root = NextIno };
    "root-far-beyond-the-inodes": InodeNumber in Superblock { Superblock.root = Is((1 << 31) - 1) };
    "root-is-a-file": RootInode in Inode("empty") { Superblock.root = Ino("empty") };
    "root-is-a-subdirectory": DirectoryParent in Number(1) { Superblock.root = Ino("directory") };
}

classes! {
    SECTIONS:
    "section-count-zero": SectionCount in Superblock { Superblock.section_count = Is(0) };
    "section-count-61": SectionCount in Superblock { Superblock.section_count = Is(61) };
    "section-count-of-all-ones": SectionCount in Superblock { Superblock.section_count = Ones };
    "section-count-short": SectionUnused in SectionEntry(DATA)
        { Superblock.section_count = Less(1) };
    "section-unused-entry": SectionUnused in SectionEntry(59)
        { SectionEntry(59).sha256[31] = Is(1) };
    "section-unknown-mandatory": SectionUnknown in SectionEntry(OPTIONAL)
        { SectionEntry(OPTIONAL).flags = Is(1) };
    "section-twice": SectionDuplicate in SectionEntry(XATTRS)
        { SectionEntry(XATTRS).kind = Like(SectionEntry(SYMLINKS)) };
    "section-missing": SectionMissing in Superblock
        [Copy(SectionEntry(1), SectionEntry(0), 59 * 64)] { Superblock.section_count = Is(8) };
    "section-flags-not-of-its-kind": SectionFlags in SectionEntry(INODES)
        [Zero(At(SectionEntry(INODES), 24), At(SectionEntry(INODES), 64))]
          { SectionEntry(INODES).flags = Is(1) };
    "section-flags-unknown": SectionFlags in SectionEntry(OPTIONAL)
        { SectionEntry(OPTIONAL).flags = Is(1 << 31) };
    "section-length-zero": SectionLength in SectionEntry(XATTRS)
        { SectionEntry(XATTRS).length = Is(0) };
    "section-length-ragged": SectionLength in SectionEntry(INODES)
        { SectionEntry(INODES).length = Less(1) };
    "section-inodes-without-root": SectionLength in SectionEntry(INODES)
        { SectionEntry(INODES).length = Is(64) };
    "section-misaligned": SectionAlignment in SectionEntry(DIRECTORIES)
        { SectionEntry(DIRECTORIES).offset = More(16),
          SectionEntry(DIRECTORIES).length = Less(16) };
    "section-data-not-on-a-page": SectionAlignment in SectionEntry(DATA)
        { SectionEntry(DATA).offset = More(64), SectionEntry(DATA).length = Less(4096) };
    "section-past-the-end": SectionBounds in SectionEntry(DATA)
        { SectionEntry(DATA).length = More(4096) };
    "section-wraps": SectionBounds in SectionEntry(DATA)
        { SectionEntry(DATA).offset = Is(u64::MAX - 4095) };
    "section-length-of-all-ones": SectionBounds in SectionEntry(INODES)
        { SectionEntry(INODES).length = Ones };
    "section-over-the-superblock": SectionOrder in SectionEntry(INODES)
        { SectionEntry(INODES).offset = Is(0) };
    "section-in-the-end-of-the-superblock": SectionOrder in SectionEntry(INODES)
        { SectionEntry(INODES).offset = Is(4032) };
    "sections-at-one-offset": SectionOrder in SectionEntry(DIRECTORIES)
        { SectionEntry(DIRECTORIES).offset = Offset(Start(Inodes)) };
    "sections-overlap-by-an-inode": SectionOrder in SectionEntry(DIRECTORIES)
        { SectionEntry(INODES).length = More(64) };
    "sections-swapped-in-the-table": SectionOrder in SectionEntry(SYMLINKS)
        [Copy(SectionEntry(1), SectionEntry(2), 64), Copy(SectionEntry(2), SectionEntry(1), 64)];
    "section-hash-without-flag": SectionHash in SectionEntry(DATA)
        { SectionEntry(DATA).xxh64 = Is(1) };
    "section-digest-without-flag": SectionHash in SectionEntry(DATA)
        { SectionEntry(DATA).sha256[31] = Is(1) };
    "section-checksum-wrong": SectionChecksum in Section(Xattrs)
        [Seals(Seal::Superblock)] { SectionEntry(XATTRS).xxh64 = Flip(u64::MAX) };
    "section-not-sealed": SectionChecksum in Section(Directories)
        [Seals(Seal::Nothing), byte(Name("", "empty"), 0, Is8(b'f'))];
    "section-digest-wrong": SectionDigest in Section(Inodes)
        [Seals(Seal::Superblock)] { SectionEntry(INODES).sha256[31] = Flip(0x80) };
    "gap-between-sections": Padding in Gap [byte(End(Packed), 0, Is(1))];
    "gap-before-the-data": Padding in Gap [byte(Start(Data), -1, Is(1))];
    "unowned-page-not-zero": Padding in Gap [byte(End(Data), -1, Is(1))];
    "bytes-after-the-last-section": Padding in Gap [Replace(packed), byte(ImageEnd, -1, Is(1))];
}

/// A small image whose last section does not end with a page.
fn packed() -> Vec<u8> {
    variant("packed")
}
