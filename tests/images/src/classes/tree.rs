// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes by themselves, link counts and orphans; directory units, entries, names and the tree that
//! they make; symlink targets.

use daxfs_format::limits::{MAX_EXTENTS, MAX_PACKED};
use daxfs_format::SectionKind::*;

use super::edit::byte;
use super::edit::Anchor::*;
use super::edit::Edit::*;
use super::edit::Value::*;
use super::{classes, Class};

const NESTED: &str = "directory/nested";
const DEEPER: &str = "directory/nested/deeper";

classes! {
    INODES:
    "inode-zero-in-use": InodeZero in Number(0) { Number(0).reserved_62 = Is(0x100) };
    "inode-type-zero": InodeType in Inode("fifo") { Inode("fifo").mode = Is(0o644) };
    "inode-type-whiteout": InodeType in Inode("fifo") { Inode("fifo").mode = Is(14 << 12) };
    "inode-type-of-all-ones": InodeType in Inode("fifo") { Inode("fifo").mode = Ones };
    "inode-type-of-another": EntryType in Entry("", "fifo") { Inode("fifo").mode = Is(12 << 12) };
    "inode-layout-unknown": InodeLayout in Inode("direct") { Inode("direct").layout = Is(4) };
    "inode-layout-missing": InodeLayout in Inode("direct") { Inode("direct").layout = Is(0) };
    "inode-layout-of-nothing": InodeLayout in Inode("empty") { Inode("empty").layout = Is(1) };
    "inode-layout-of-a-directory": InodeLayout in Inode("directory")
        { Inode("directory").layout = Is(1) };
    "packed-as-direct": InodeOffset in Inode("packed") { Inode("packed").layout = Is(1) };
    "direct-as-packed": InodeOffset in Inode("direct") { Inode("direct").layout = Is(2) };
    "packed-and-huge": InodeSize in Inode("packed") { Inode("packed").size = Is(MAX_PACKED + 1) };
    "owner-is-nobody": InodeOwner in Inode("empty") { Inode("empty").uid = Ones };
    "group-is-nobody": InodeOwner in Inode("empty") { Inode("empty").gid = Ones };
    "links-zero": InodeLinks in Inode("empty") { Inode("empty").link_count = Is(0) };
    "links-too-few": InodeLinks in Inode("hard") { Inode("hard").link_count = Is(1) };
    "links-too-many": InodeLinks in Inode("hard") { Inode("hard").link_count = Is(3) };
    "links-of-all-ones": InodeLinks in Inode("hard") { Inode("hard").link_count = Ones };
    "links-beyond-the-only-name": InodeLinks in Inode("empty")
        { Inode("empty").link_count = Is(2) };
    "links-of-a-directory": InodeLinks in Inode("directory")
        { Inode("directory").link_count = Is(3) };
    "size-negative": InodeSize in Inode("direct") { Inode("direct").size = Is(1 << 63) };
    "size-of-all-ones": InodeSize in Inode("direct") { Inode("direct").size = Ones };
    "size-of-a-sparse-file": InodeSize in Inode("sparse-hole")
        { Inode("sparse-hole").size = Is(1 << 63) };
    "size-past-the-data": InodeOffset in Inode("direct") { Inode("direct").size = Length(Data, 1) };
    "size-that-wraps": InodeOffset in Inode("direct") { Inode("direct").size = Is((1 << 63) - 1) };
    "size-past-the-packed": InodeOffset in Inode("packed")
        { Inode("packed").size = Is(MAX_PACKED) };
    "size-zero-with-content": InodeContent in Inode("direct") { Inode("direct").size = Is(0) };
    "size-of-a-fifo": InodeSize in Inode("fifo") { Inode("fifo").size = Is(1) };
    "offset-of-a-fifo": InodeOffset in Inode("fifo") { Inode("fifo").offset = Is(4096) };
    "offset-of-a-sparse-file-of-holes": InodeOffset in Inode("sparse-hole")
        { Inode("sparse-hole").offset = Is(4096) };
    "offset-misaligned": InodeOffset in Inode("direct") { Inode("direct").offset = More(64) };
    "offset-in-metadata": InodeOffset in Inode("direct") { Inode("direct").offset = Is(4096) };
    "offset-in-the-superblock": InodeOffset in Inode("direct") { Inode("direct").offset = Is(0) };
    "offset-past-the-data": InodeOffset in Inode("direct")
        { Inode("direct").offset = Offset(End(Data)) };
    "offset-that-wraps": InodeOffset in Inode("direct")
        { Inode("direct").offset = Is(u64::MAX - 4095) };
    "nanoseconds-of-a-second": InodeTime in Inode("empty")
        { Inode("empty").mtime_ns = Is(1_000_000_000) };
    "device-number-of-a-file": InodeLink in Inode("direct") { Inode("direct").link = Is(0x103) };
    "device-number-of-a-fifo": InodeLink in Inode("fifo") { Inode("fifo").link = Is(0x103) };
    "count-of-a-file": InodeCount in Inode("direct") { Inode("direct").count = Is(1) };
    "count-of-extents-over-the-limit": InodeCount in Inode("sparse")
        { Inode("sparse").count = Is32(MAX_EXTENTS + 1) };
    "count-of-extents-past-the-section": InodeOffset in Inode("sparse")
        { Inode("sparse").count = Is32(MAX_EXTENTS) };
    "space-unknown": InodeSpace in Inode("direct") { Inode("direct").space = Is(1) };
    "inode-reserved-byte": InodeReserved in Inode("direct") { Inode("direct").reserved_3 = Is(1) };
    "inode-reserved-word": InodeReserved in Inode("direct")
        { Inode("direct").reserved_62 = Is(0x8000) };
    "xattrs-of-no-set": InodeXattrs in Inode("with-acl") { Inode("with-acl").xattrs = Is(4) };
    "xattrs-of-all-ones": InodeXattrs in Inode("with-acl") { Inode("with-acl").xattrs = Ones };
    "acl-differs-from-permissions": InodeAcl in Inode("with-acl")
        { Inode("with-acl").mode = Is(0o10_0700) };
    "default-acl-of-a-file": InodeAcl in Inode("zz-last")
        { Inode("zz-last").mode = Is(0o10_0774), Inode("zz-last").xattrs = Is(3) };
    "content-missing": InodeContent in Inode("direct") { Inode("direct").content = Is(0) };
    "content-of-nothing": InodeContent in Inode("empty") { Inode("empty").content = Is(1) };
    "content-of-a-directory": InodeContent in Inode("directory")
        { Inode("directory").content = Is(1) };
    "orphan": InodeOrphan in Inode("packed") { Entry("", "packed").inode = Ino("packed-more") };
}

/// The index of the second of the names in `hashes` that share a hash.
const SECOND_EQUAL: u32 = 2;

classes! {
    DIRECTORIES:
    "unit-longer-than-its-names": DirectoryShape in Inode("directory")
        { Inode("directory").size = More(1) };
    "unit-too-short-for-its-entries": InodeSize in Inode("directory")
        { Inode("directory").size = Is(33) };
    "unit-of-4-gib": InodeSize in Inode("directory") { Inode("directory").size = Is(1 << 32) };
    "unit-size-of-all-ones": InodeSize in Inode("directory") { Inode("directory").size = Ones };
    "unit-past-its-section": InodeOffset in Inode("directory")
        { Inode("directory").offset = Offset(End(Directories)) };
    "unit-in-the-inodes": InodeOffset in Inode("directory")
        { Inode("directory").offset = Offset(Start(Inodes)) };
    "unit-misaligned": InodeOffset in Inode("directory") { Inode("directory").offset = More(8) };
    "unit-of-another": DirectoryOffset in Inode(NESTED)
        { Inode(NESTED).offset = Like(Inode("directory")),
          Inode(NESTED).size = Like(Inode("directory")),
          Inode(NESTED).count = Like(Inode("directory")) };
    "unit-padding": Padding in Inode("one") [byte(UnitEnd("one"), 0, Is(1))];
    "entries-too-many": InodeSize in Inode("directory") { Inode("directory").count = Is(1000) };
    "entries-of-all-ones": InodeSize in Inode("directory") { Inode("directory").count = Ones };
    "entries-too-few": DirectoryShape in EntryAt("directory", 0)
        { Inode("directory").count = Is(1) };
    "entries-none-but-bytes": InodeSize in Inode("directory") { Inode("directory").count = Is(0) };
    "entry-reserved": EntryReserved in Entry("directory", "nested")
        { Entry("directory", "nested").reserved_15 = Is(1) };
    "entry-inode-zero": EntryInode in Entry("one", "x") { Entry("one", "x").inode = Is(0) };
    "entry-inode-beyond": EntryInode in Entry("one", "x") { Entry("one", "x").inode = NextIno };
    "entry-inode-in-the-upper-half": EntryInode in Entry("one", "x")
        { Entry("one", "x").inode = Is(1 << 31) };
    "entry-type-of-another": EntryType in Entry("one", "x") { Entry("one", "x").file_type = Is(4) };
    "entry-type-unknown": EntryType in Entry("one", "x") { Entry("one", "x").file_type = Is(3) };
    "entry-type-whiteout": EntryType in Entry("one", "x") { Entry("one", "x").file_type = Is(14) };
    "name-empty": EntryName in Entry("one", "x") { Entry("one", "x").name_length = Is(0) };
    "name-of-256-bytes": EntryName in Entry("one", "x") { Entry("one", "x").name_length = Is(256) };
    "name-past-the-unit": DirectoryShape in Entry("one", "x")
        { Entry("one", "x").name_offset = Ones };
    "name-longer-than-the-unit": DirectoryShape in Entry("one", "x")
        { Entry("one", "x").name_length = Is(255) };
    "name-in-the-entries": DirectoryShape in Entry("one", "x")
        { Entry("one", "x").name_offset = Is(0) };
    "name-is-a-slash": EntryName in Entry("one", "x") [Rename("one", "x", b"/")];
    "name-is-a-nul": EntryName in Entry("one", "x") [Rename("one", "x", b"\0")];
    "name-ends-with-a-slash": EntryName in Entry("two", "yy") [Rename("two", "yy", b"y/")];
    "name-is-dot": EntryName in Entry("one", "x") [Rename("one", "x", b".")];
    "name-is-dot-dot": EntryName in Entry("two", "yy") [Rename("two", "yy", b"..")];
    "name-twice": EntryOrder in EntryAt("hashes", SECOND_EQUAL)
        [Copy(NameAt("hashes", 1), NameAt("hashes", 2), 8)];
    "names-unsorted": EntryOrder in EntryAt("hashes", SECOND_EQUAL)
        [Copy(NameAt("hashes", 1), NameAt("hashes", 2), 8),
          Copy(NameAt("hashes", 2), NameAt("hashes", 1), 8)];
    "hash-of-another-name": EntryHash in Entry("one", "x") { Entry("one", "x").hash = Flip(1) };
    "parent-is-another": DirectoryParent in Entry("directory", "nested")
        { Inode(NESTED).link = Is(1) };
    "parent-zero": DirectoryParent in Entry("directory", "nested") { Inode(NESTED).link = Is(0) };
    "parent-of-all-ones": DirectoryParent in Entry("directory", "nested")
        { Inode(NESTED).link = Ones };
    "directory-with-two-names": DirectoryParent in Inode(NESTED)
        { Entry("directory", "sibling").inode = Ino(NESTED) };
    "directory-in-two-directories": DirectoryParent in Entry(DEEPER, "file")
        { Entry(DEEPER, "file").inode = Ino("directory/sibling"),
          Entry(DEEPER, "file").file_type = Is(4) };
    "directory-in-itself": DirectoryParent in Entry(DEEPER, "file")
        { Entry(DEEPER, "file").inode = Ino(DEEPER), Entry(DEEPER, "file").file_type = Is(4) };
    "ring-that-hangs-on-the-root": DirectoryParent in Entry(DEEPER, "file")
        { Entry(DEEPER, "file").inode = Ino(NESTED), Entry(DEEPER, "file").file_type = Is(4) };
    "ring-that-hangs-on-nothing": DirectoryParent in Inode(NESTED)
        { Entry("directory", "nested").inode = Ino("directory/sibling"),
          Entry(DEEPER, "file").inode = Ino(NESTED), Entry(DEEPER, "file").file_type = Is(4),
          Inode(NESTED).link = Ino(DEEPER) };
    "root-named-by-an-entry": DirectoryParent in Entry("one", "x")
        { Entry("one", "x").inode = Is(1), Entry("one", "x").file_type = Is(4) };
}

classes! {
    SYMLINKS:
    "target-empty": InodeSize in Inode("link") { Inode("link").size = Is(0) };
    "target-of-4096-bytes": InodeSize in Inode("link") { Inode("link").size = Is(4096) };
    "target-of-all-ones": InodeSize in Inode("link") { Inode("link").size = Ones };
    "target-past-its-section": InodeOffset in Inode("link-byte")
        { Inode("link-byte").size = Is(2) };
    "target-in-the-data": InodeOffset in Inode("link")
        { Inode("link").offset = Offset(Start(Data)) };
    "target-with-nul": SymlinkTarget in Inode("link") [byte(Contents("link"), 3, Is(0))];
    "target-of-another": SymlinkOffset in Inode("link-long")
        { Inode("link-long").offset = Like(Inode("link")) };
    "target-after-a-gap": SymlinkOffset in Inode("link-long") { Inode("link").size = Less(1) };
    "target-after-the-last": SymlinkOffset in Section(Symlinks)
        { Entry("", "link-byte").file_type = Is(1), Inode("link-byte").mode = Is(0o1_0644),
          Inode("link-byte").size = Is(0), Inode("link-byte").offset = Is(0) };
}
