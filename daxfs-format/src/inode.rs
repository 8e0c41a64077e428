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

use core::fmt;
use core::mem::{offset_of, size_of};
use core::num::NonZeroU32;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::digest::ContentId;
use crate::directory::{Directory, ENTRY_SIZE};
use crate::error::{Error, Finding, Object, Result};
use crate::extent::{ExtentList, EXTENT_SIZE};
use crate::limits::{MAX_DIRECTORY, MAX_EXTENTS, MAX_FILE_SIZE, MAX_INO, MAX_PACKED, MAX_SYMLINK};
use crate::num::{is_aligned, round_up};
use crate::rule::Rule;
use crate::section::SectionKind;
use crate::superblock::Superblock;
use crate::xattr::XattrSetId;

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

/// An inode number: 1 to [`MAX_INO`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ino(NonZeroU32);

impl Ino {
    /// The number, if it can be one.
    #[inline]
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number)
            .filter(|number| number.get() <= MAX_INO)
            .map(Self)
    }

    /// The number.
    #[inline]
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Ino {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The type of a file, as a mode and a directory entry state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FileType {
    /// A FIFO.
    Fifo = 1,
    /// A character device.
    CharDevice = 2,
    /// A directory.
    Directory = 4,
    /// A block device.
    BlockDevice = 6,
    /// A regular file.
    Regular = 8,
    /// A symbolic link.
    Symlink = 10,
    /// A socket.
    Socket = 12,
}

impl FileType {
    /// The type with this `d_type` of Linux, which is what an entry holds. 14, the whiteout, is
    /// reserved.
    #[must_use]
    #[inline]
    pub const fn from_entry(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Fifo,
            2 => Self::CharDevice,
            4 => Self::Directory,
            6 => Self::BlockDevice,
            8 => Self::Regular,
            10 => Self::Symlink,
            12 => Self::Socket,
            _ => return None,
        })
    }

    /// The `d_type` of Linux.
    #[must_use]
    #[inline]
    #[allow(clippy::as_conversions, reason = "the discriminants are these numbers")]
    pub const fn to_entry(self) -> u8 {
        // CAST: The enumeration is represented as `u8`.
        self as u8
    }

    /// The type that a mode states in its upper four bits.
    #[must_use]
    pub fn from_mode(mode: u16) -> Option<Self> {
        mode.to_be_bytes()
            .first()
            .and_then(|high| Self::from_entry(high >> 4))
    }

    /// The type as the upper four bits of a mode.
    #[must_use]
    pub fn to_mode(self) -> u16 {
        u16::from(self.to_entry()) << 12
    }
}

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rdev {
    /// The major number, below 2^12.
    pub major: u32,
    /// The minor number, below 2^20.
    pub minor: u32,
}

impl Rdev {
    /// Decodes the 32-bit form of Linux (`new_decode_dev`).
    #[must_use]
    pub const fn decode(raw: u32) -> Self {
        Self {
            major: (raw >> 8) & 0xfff,
            minor: (raw & 0xff) | ((raw >> 12) & 0xf_ff00),
        }
    }

    /// Encodes it in the 32-bit form of Linux, or `None` if a number is too large.
    #[must_use]
    pub const fn encode(self) -> Option<u32> {
        if self.major > 0xfff || self.minor > 0xf_ffff {
            return None;
        }
        Some((self.minor & 0xff) | (self.major << 8) | ((self.minor & 0xf_ff00) << 12))
    }
}

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

/// The validation of one copy of an inode.
struct Validator<'a> {
    raw: &'a RawInode,
    ino: Ino,
    at: u64,
    image: &'a Superblock,
}

impl Validator<'_> {
    fn fail(&self, rule: Rule, field: usize, value: u64) -> Error {
        let offset = self.at.saturating_add(crate::num::from_usize(field));
        Finding {
            object: Object::Inode(self.ino.get()),
            offset,
            rule,
            value,
        }
        .into()
    }

    /// `Ok` when `holds`, else the finding.
    fn require(&self, holds: bool, rule: Rule, field: usize, value: u64) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(self.fail(rule, field, value))
        }
    }

    /// The fields that all types have.
    fn common(&self) -> Result<FileType> {
        let raw = self.raw;
        let mode = raw.mode.get();
        let file_type =
            FileType::from_mode(mode).ok_or_else(|| self.fail(Rule::InodeType, 0, mode.into()))?;
        self.require(
            raw.reserved_3 == 0,
            Rule::InodeReserved,
            3,
            raw.reserved_3.into(),
        )?;
        let reserved = raw.reserved_62.get();
        self.require(reserved == 0, Rule::InodeReserved, 62, reserved.into())?;
        let space = raw.space.get();
        self.require(space == 0, Rule::InodeSpace, 60, space.into())?;
        for (field, owner) in [(4, raw.uid.get()), (8, raw.gid.get())] {
            self.require(owner != u32::MAX, Rule::InodeOwner, field, owner.into())?;
        }
        let links = raw.link_count.get();
        self.require(links != 0, Rule::InodeLinks, 12, links.into())?;
        let nanoseconds = raw.mtime_ns.get();
        self.require(
            nanoseconds < 1_000_000_000,
            Rule::InodeTime,
            40,
            nanoseconds.into(),
        )?;
        let has_count = matches!(file_type, FileType::Directory) || raw.layout == LAYOUT_SPARSE;
        let count = raw.count.get();
        self.require(has_count || count == 0, Rule::InodeCount, 56, count.into())?;
        let has_bytes = matches!(file_type, FileType::Regular) && raw.size.get() != 0;
        let content = raw.content.get();
        self.require(
            has_bytes == (content != 0),
            Rule::InodeContent,
            48,
            content.into(),
        )?;
        Ok(file_type)
    }

    fn kind(&self, file_type: FileType) -> Result<InodeKind> {
        if !matches!(file_type, FileType::Regular) {
            self.no_layout()?;
        }
        let device = matches!(file_type, FileType::CharDevice | FileType::BlockDevice);
        let link = self.raw.link.get();
        let sparse = self.raw.layout == LAYOUT_SPARSE;
        let has_link = device || sparse || matches!(file_type, FileType::Directory);
        self.require(has_link || link == 0, Rule::InodeLink, 52, link.into())?;
        Ok(match file_type {
            FileType::Regular => InodeKind::Regular(self.file_data()?),
            FileType::Directory => InodeKind::Directory(self.directory()?),
            FileType::Symlink => InodeKind::Symlink(self.symlink()?),
            FileType::CharDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket => {
                self.no_bytes()?;
                let rdev = Rdev::decode(link);
                match file_type {
                    FileType::CharDevice => InodeKind::CharDevice(rdev),
                    FileType::BlockDevice => InodeKind::BlockDevice(rdev),
                    FileType::Fifo => InodeKind::Fifo,
                    _ => InodeKind::Socket,
                }
            }
        })
    }

    fn no_layout(&self) -> Result<()> {
        let layout = self.raw.layout;
        self.require(layout == LAYOUT_NONE, Rule::InodeLayout, 2, layout.into())
    }

    fn no_bytes(&self) -> Result<()> {
        let size = self.raw.size.get();
        self.require(size == 0, Rule::InodeSize, 16, size)?;
        let offset = self.raw.offset.get();
        self.require(offset == 0, Rule::InodeOffset, 24, offset)
    }

    /// `length` bytes at the inode's offset lie in the section, at a multiple of `1 << shift`.
    fn place(&self, kind: SectionKind, length: u64, shift: u32) -> Result<u64> {
        let offset = self.raw.offset.get();
        let held = self
            .image
            .sections()
            .get(kind)
            .is_some_and(|s| s.holds(offset, length));
        self.require(
            held && is_aligned(offset, shift),
            Rule::InodeOffset,
            24,
            offset,
        )?;
        Ok(offset)
    }

    fn file_data(&self) -> Result<FileData> {
        let size = self.raw.size.get();
        self.require(size <= MAX_FILE_SIZE, Rule::InodeSize, 16, size)?;
        match (self.raw.layout, size) {
            (LAYOUT_NONE, 0) => {
                self.no_bytes()?;
                Ok(FileData::Empty)
            }
            (LAYOUT_DIRECT, 1..) => {
                let shift = self.image.page_shift();
                // PANIC-FREE: a size near 2^63 rounds up within 64 bits; `place` refuses it.
                let length = round_up(size, shift).unwrap_or(u64::MAX);
                Ok(FileData::Direct {
                    offset: self.place(SectionKind::Data, length, shift)?,
                })
            }
            (LAYOUT_PACKED, 1..) => {
                self.require(size <= MAX_PACKED, Rule::InodeSize, 16, size)?;
                Ok(FileData::Packed {
                    offset: self.place(SectionKind::Packed, size, 0)?,
                })
            }
            (LAYOUT_SPARSE, 1..) => self.extents().map(FileData::Sparse),
            (layout, _) => Err(self.fail(Rule::InodeLayout, 2, layout.into())),
        }
    }

    fn extents(&self) -> Result<ExtentList> {
        let count = self.raw.count.get();
        self.require(count <= MAX_EXTENTS, Rule::InodeCount, 56, count.into())?;
        let offset = if count == 0 {
            let offset = self.raw.offset.get();
            self.require(offset == 0, Rule::InodeOffset, 24, offset)?;
            offset
        } else {
            let length = u64::from(count).saturating_mul(EXTENT_SIZE);
            self.place(SectionKind::Extents, length, 5)?
        };
        Ok(ExtentList {
            file: self.ino,
            offset,
            count,
            pages: self.raw.link.get(),
            size: self.raw.size.get(),
        })
    }

    fn directory(&self) -> Result<Directory> {
        let raw = self.raw;
        let parent = Ino::new(raw.link.get()).filter(|&parent| {
            // No ring of directories can be read: on the way up the numbers descend to the root.
            if self.ino == self.image.root() {
                parent == self.ino
            } else {
                parent < self.ino
            }
        });
        let parent =
            parent.ok_or_else(|| self.fail(Rule::DirectoryParent, 52, raw.link.get().into()))?;
        let (count, size) = (raw.count.get(), raw.size.get());
        if count == 0 {
            self.no_bytes()?;
        } else {
            // Each name has a byte at least, so this also bounds `count` by the section's length.
            let least = u64::from(count).saturating_mul(ENTRY_SIZE.saturating_add(1));
            self.require(
                (least..=MAX_DIRECTORY).contains(&size),
                Rule::InodeSize,
                16,
                size,
            )?;
            self.place(SectionKind::Directories, size, 4)?;
        }
        Ok(Directory {
            ino: self.ino,
            parent,
            offset: raw.offset.get(),
            length: size,
            count,
        })
    }

    fn symlink(&self) -> Result<Symlink> {
        let size = self.raw.size.get();
        let length = u16::try_from(size)
            .ok()
            .filter(|_| (1..=MAX_SYMLINK).contains(&size));
        let length = length.ok_or_else(|| self.fail(Rule::InodeSize, 16, size))?;
        let offset = self.place(SectionKind::Symlinks, size, 0)?;
        Ok(Symlink {
            ino: self.ino,
            offset,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_survive_the_32_bit_form() {
        for (major, minor) in [(0, 0), (8, 1), (0xfff, 0xf_ffff), (259, 0x1_2345)] {
            let rdev = Rdev { major, minor };
            assert_eq!(rdev.encode().map(Rdev::decode), Some(rdev));
        }
        assert_eq!(
            Rdev {
                major: 0x1000,
                minor: 0
            }
            .encode(),
            None
        );
        assert_eq!(
            Rdev {
                major: 0,
                minor: 0x10_0000
            }
            .encode(),
            None
        );
    }

    #[test]
    fn every_file_type_has_its_mode_and_entry_type() {
        for value in 0..=u8::MAX {
            if let Some(file_type) = FileType::from_entry(value) {
                assert_eq!(file_type.to_entry(), value);
                assert_eq!(
                    FileType::from_mode(file_type.to_mode() | 0o7777),
                    Some(file_type)
                );
            }
        }
        assert_eq!(FileType::from_entry(14), None, "whiteouts are reserved");
    }

    #[test]
    fn inode_numbers_end_where_branches_begin() {
        assert_eq!(Ino::new(0), None);
        assert_eq!(Ino::new(MAX_INO).map(Ino::get), Some(MAX_INO));
        assert_eq!(Ino::new(MAX_INO + 1), None);
    }
}
