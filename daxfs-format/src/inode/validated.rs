// SPDX-License-Identifier: MIT OR Apache-2.0
//! A validated inode.

use super::device::Rdev;
use crate::directory::Directory;
use crate::extent::ExtentList;
use crate::ids::{ContentId, Ino, XattrSetId};
use crate::kinds::FileType;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}

/// The location of the bytes of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileData {
    /// No bytes.
    Empty,
    /// One extent at this page-aligned image offset; the rest of its last page is zero.
    Direct {
        /// From the start of the image, in bytes.
        offset: u64,
    },
    /// Bytes beside those of other files, at this image offset.
    Packed {
        /// From the start of the image, in bytes.
        offset: u64,
    },
    /// Extents, with holes that read as zeros.
    Sparse(ExtentList),
}

impl FileData {
    /// The image offset of the bytes, or of the list of extents; 0 without bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match *self {
            Self::Empty => 0,
            Self::Direct { offset } | Self::Packed { offset } => offset,
            Self::Sparse(list) => list.offset(),
        }
    }
}

/// A symlink's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symlink {
    pub(crate) ino: Ino,
    pub(crate) offset: u64,
    pub(crate) length: u16,
}

impl Symlink {
    /// The offset of the target, in bytes from the start of the image.
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

/// The type of a file, with the properties of that type.
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
/// Everything that the 64 bytes and the section table can show: every extent lies in the section
/// for it, and numbers are within their limits.
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
    /// The type, with the properties of that type.
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
}
