// SPDX-License-Identifier: MIT OR Apache-2.0
//! The validation of one copy of an inode.

use super::device::Rdev;
use super::raw::{RawInode, LAYOUT_DIRECT, LAYOUT_NONE, LAYOUT_PACKED, LAYOUT_SPARSE};
use super::validated::{FileData, Inode, InodeKind, Symlink, Timestamp};
use crate::directory::{Directory, ENTRY_SIZE};
use crate::error::{Error, Finding, Object, Result};
use crate::extent::{ExtentList, EXTENT_SIZE};
use crate::ids::{ContentId, Ino, XattrSetId};
use crate::kinds::{FileType, SectionKind};
use crate::limits::{MAX_DIRECTORY, MAX_EXTENTS, MAX_FILE_SIZE, MAX_PACKED, MAX_SYMLINK};
use crate::num::{from_usize, is_aligned, round_up};
use crate::rule::Rule;
use crate::superblock::Superblock;

impl Inode {
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
    /// The offset of the inode in the image.
    at: u64,
    image: &'a Superblock,
}

impl Validator<'_> {
    fn fail(&self, rule: Rule, field: usize, value: u64) -> Error {
        let offset = self.at.saturating_add(from_usize(field));
        Finding::new(Object::Inode(self.ino.get()), offset, rule, value).into()
    }

    /// Returns `Ok` if `holds`, else the finding.
    fn require(&self, holds: bool, rule: Rule, field: usize, value: u64) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(self.fail(rule, field, value))
        }
    }

    /// Validates the fields that all types have.
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

    /// Checks that `length` bytes at the inode's offset lie in the section, at a multiple of
    /// `1 << shift`, and returns the offset.
    fn offset_in(&self, kind: SectionKind, length: u64, shift: u32) -> Result<u64> {
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
                // PANIC-FREE: a size near 2^63 rounds up within 64 bits; `offset_in` refuses it.
                let length = round_up(size, shift).unwrap_or(u64::MAX);
                Ok(FileData::Direct {
                    offset: self.offset_in(SectionKind::Data, length, shift)?,
                })
            }
            (LAYOUT_PACKED, 1..) => {
                self.require(size <= MAX_PACKED, Rule::InodeSize, 16, size)?;
                Ok(FileData::Packed {
                    offset: self.offset_in(SectionKind::Packed, size, 0)?,
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
            self.offset_in(SectionKind::Extents, length, 5)?
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
            // No cycle of directories can be read: towards the root the numbers descend.
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
            self.offset_in(SectionKind::Directories, size, 4)?;
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
        let offset = self.offset_in(SectionKind::Symlinks, size, 0)?;
        Ok(Symlink {
            ino: self.ino,
            offset,
            length,
        })
    }
}
