// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes: 64 bytes each, at the index of their number in the inode section.
//!
//! ```text
//! 0  mode u16    2  layout u8   3  reserved u8   4  uid u32    8  gid u32    12 link_count u32
//! 16 size u64    24 offset u64
//! 32 mtime_s i64 40 mtime_ns u32                 44 xattrs u32
//! 48 content u32 52 link u32    56 count u32     60 space u16  62 reserved u16
//! ```
//!
//! `offset` counts from the start of the image, so that a byte of a file is found by one addition.
//! What it means depends on the type and, for a regular file, on the layout:
//!
//! | type | layout | size | offset | count | link |
//! |---|---|---|---|---|---|
//! | regular, empty | 0 none | 0 | 0 | 0 | 0 |
//! | regular | 1 direct | bytes | page aligned, in the data section | 0 | 0 |
//! | regular | 2 packed | bytes | in the packed section | 0 | 0 |
//! | regular | 3 sparse | bytes | of the extent list, 0 without one | extents | pages of the extents |
//! | directory | 0 | bytes of the unit | of the unit, 0 if empty | entries | the parent's number |
//! | symlink | 0 | bytes of the target | of the target | 0 | 0 |
//! | device | 0 | 0 | 0 | 0 | device number |
//! | FIFO, socket | 0 | 0 | 0 | 0 | 0 |
//!
//! | module | owns |
//! |---|---|
//! | `device` | device numbers |
//! | `validate` | the validation of one copy of an inode |

mod device;
mod validate;

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::directory::Directory;
use crate::error::Result;
use crate::extent::ExtentList;
use crate::ids::{ContentId, Ino, XattrSetId};
use crate::kinds::FileType;
use crate::superblock::Superblock;
use validate::Validator;

pub use device::Rdev;

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
    /// How many directory entries name the inode; for a directory 2 and one for each subdirectory.
    pub link_count: U32,
    /// The size in bytes.
    pub size: U64,
    /// Where the bytes are, from the start of the image.
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
    /// How many entries or extents there are.
    pub count: U32,
    /// Where `offset` is: 0 is this image.
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

/// The layout of everything that is not a regular file with bytes.
pub const LAYOUT_NONE: u8 = 0;
/// One page-aligned extent.
pub const LAYOUT_DIRECT: u8 = 1;
/// Byte aligned, beside others.
pub const LAYOUT_PACKED: u8 = 2;
/// A list of extents with holes between them.
pub const LAYOUT_SPARSE: u8 = 3;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}

/// Where the bytes of a regular file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileData {
    /// There are none.
    Empty,
    /// One extent at this page-aligned image offset; the rest of its last page is zero.
    Direct {
        /// From the start of the image, in bytes.
        offset: u64,
    },
    /// Beside others, at this image offset.
    Packed {
        /// From the start of the image, in bytes.
        offset: u64,
    },
    /// In extents, with holes that read as zeros.
    Sparse(ExtentList),
}

/// A symlink's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symlink {
    pub(crate) ino: Ino,
    pub(crate) offset: u64,
    pub(crate) length: u16,
}

impl Symlink {
    /// Where the target begins, in bytes from the start of the image.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the target in bytes, 1 to 4095.
    #[must_use]
    pub fn length(&self) -> u16 {
        self.length
    }
}

/// What only files of one type have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeKind {
    /// A regular file.
    Regular(FileData),
    /// A directory.
    Directory(Directory),
    /// A symbolic link.
    Symlink(Symlink),
    /// A character device.
    CharDevice(Rdev),
    /// A block device.
    BlockDevice(Rdev),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
}

impl InodeKind {
    /// The type of the file.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        match self {
            Self::Regular(_) => FileType::Regular,
            Self::Directory(_) => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
            Self::CharDevice(_) => FileType::CharDevice,
            Self::BlockDevice(_) => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}

/// A validated inode.
///
/// # Invariants
/// All that can be known from the 64 bytes and the section table: every place that it names lies in
/// the section for it, and numbers are within their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// The number.
    pub ino: Ino,
    /// File type and permissions, as `st_mode` of Linux.
    pub mode: u16,
    /// The user who owns the file.
    pub uid: u32,
    /// The group that owns the file.
    pub gid: u32,
    /// The link count, at least 1.
    pub link_count: u32,
    /// The size in bytes; of a directory, that of its unit.
    pub size: u64,
    /// The modification time.
    pub mtime: Timestamp,
    /// The attribute set, if the file has one.
    pub xattrs: Option<XattrSetId>,
    /// The content, if the file has bytes.
    pub content: Option<ContentId>,
    /// What only files of its type have.
    pub kind: InodeKind,
}

impl Inode {
    /// The type of the file.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.kind.file_type()
    }

    /// The permissions: the lower twelve bits of the mode.
    #[must_use]
    pub fn permissions(&self) -> u16 {
        self.mode & 0o7777
    }

    /// Validates a copy of the inode `ino` that was read from the image offset `at`.
    pub(crate) fn validate(raw: &RawInode, ino: Ino, at: u64, image: &Superblock) -> Result<Self> {
        let check = Validator {
            raw,
            ino,
            at,
            image,
        };
        let file_type = check.common()?;
        Ok(Self {
            ino,
            mode: raw.mode.get(),
            uid: raw.uid.get(),
            gid: raw.gid.get(),
            link_count: raw.link_count.get(),
            size: raw.size.get(),
            mtime: Timestamp {
                seconds: raw.mtime_s.get(),
                nanoseconds: raw.mtime_ns.get(),
            },
            xattrs: XattrSetId::new(raw.xattrs.get()),
            content: ContentId::new(raw.content.get()),
            kind: check.kind(file_type)?,
        })
    }
}
