// SPDX-License-Identifier: MIT OR Apache-2.0
//! An inode as it lies in the image.

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The length of an inode in bytes.
pub const INODE_SIZE: u64 = 64;

/// An inode as it lies in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawInode {
    /// File type and permissions, as `st_mode` of Linux.
    pub mode: U16,
    /// `LAYOUT_NONE`, `LAYOUT_DIRECT`, `LAYOUT_PACKED` or `LAYOUT_SPARSE`.
    pub layout: u8,
    /// Zero.
    pub reserved_3: u8,
    /// The user who owns the file.
    pub uid: U32,
    /// The group that owns the file.
    pub gid: U32,
    /// The number of directory entries that name the inode; for a directory 2 plus its
    /// subdirectories.
    pub link_count: U32,
    /// The size in bytes.
    pub size: U64,
    /// The offset of the bytes, from the start of the image.
    pub offset: U64,
    /// The modification time, in seconds since 1970-01-01 00:00 UTC.
    pub mtime_s: I64,
    /// Its nanoseconds.
    pub mtime_ns: U32,
    /// The number of the attribute set, or 0.
    pub xattrs: U32,
    /// The number of the content, or 0.
    pub content: U32,
    /// The device number, a directory's parent, or the pages of a sparse file's extents.
    pub link: U32,
    /// The number of entries or extents.
    pub count: U32,
    /// The space of `offset`: 0 is this image.
    pub space: U16,
    /// Zero.
    pub reserved_62: U16,
}

const _: () = {
    assert!(size_of::<RawInode>() == 64);
    assert!(offset_of!(RawInode, uid) == 4);
    assert!(offset_of!(RawInode, link_count) == 12);
    assert!(offset_of!(RawInode, size) == 16);
    assert!(offset_of!(RawInode, offset) == 24);
    assert!(offset_of!(RawInode, mtime_s) == 32);
    assert!(offset_of!(RawInode, xattrs) == 44);
    assert!(offset_of!(RawInode, content) == 48);
    assert!(offset_of!(RawInode, count) == 56);
    assert!(offset_of!(RawInode, reserved_62) == 62);
};

/// The layout of all inodes but regular files with bytes.
pub const LAYOUT_NONE: u8 = 0;
/// The layout of one page-aligned extent.
pub const LAYOUT_DIRECT: u8 = 1;
/// The layout of a small file, byte aligned beside others.
pub const LAYOUT_PACKED: u8 = 2;
/// The layout of a list of extents with holes between them.
pub const LAYOUT_SPARSE: u8 = 3;
