// SPDX-License-Identifier: MIT OR Apache-2.0
//! An opened image, from which the objects are read.
//!
//! Every method copies what it needs out of the memory, validates the copy and returns it. What a
//! method was given (a [`Directory`], an [`Inode`]) was validated when it was read, and is used as
//! it is: the place in memory that it came from is not read again.

use core::fmt;
use core::marker::PhantomData;

use crate::digest::{ContentId, RawDigestHeader, DIGEST_SIZE};
use crate::directory::{Cookie, DirEntry, Directory, NameBuf, Position};
use crate::error::{Error, Finding, Object, Result};
use crate::extent::{Extent, ExtentList};
use crate::hash::{NameHash, Xxh64};
use crate::inode::{FileData, Ino, Inode, InodeKind, RawInode, Symlink, INODE_SIZE};
use crate::memory::{read_struct, Memory};
use crate::num::{len64, to_usize};
use crate::rule::Rule;
use crate::section::SectionKind;
use crate::superblock::{Superblock, SuperblockCopy};
use crate::xattr::{Namespace, Xattr, XattrSet, XattrSetId, XattrWalk};

/// An image in some memory, with the implementation of XXH64 to read it by.
pub struct Image<M, X> {
    memory: M,
    superblock: Superblock,
    inodes: u64,
    inode_count: u32,
    hash: PhantomData<fn() -> X>,
}

/// A piece of a file: where it ends, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The file offset of the byte after the piece, beyond the offset that was asked for.
    pub end: u64,
    /// The image offset of the byte that was asked for, or `None` in a hole.
    pub data: Option<u64>,
}

impl<M: Memory, X: Xxh64> Image<M, X> {
    /// Opens the image at the start of `memory`: copies the superblock into `copy` and validates it
    /// with the section table. No checksum but the superblock's is verified; see [`crate::check`].
    ///
    /// # Errors
    /// The first rule that superblock or section table break, or the memory's own.
    pub fn open(memory: M, copy: &mut SuperblockCopy) -> Result<Self> {
        copy.fill(&memory)?;
        let superblock = copy.validate::<X>(memory.size())?;
        Self::with_superblock(memory, superblock)
    }

    /// The image that `superblock` describes, which was validated before and is not read again. Views
    /// of one image in several threads then agree, whatever becomes of the memory.
    ///
    /// # Errors
    /// [`Rule::ImageTruncated`] if the memory is shorter than the image.
    pub fn with_superblock(memory: M, superblock: Superblock) -> Result<Self> {
        let value = superblock.image_size();
        if memory.size() < value {
            return Err(Finding {
                object: Object::Superblock,
                offset: 40,
                rule: Rule::ImageTruncated,
                value,
            }
            .into());
        }
        let (inodes, length) = superblock.sections().range(SectionKind::Inodes);
        // Inode 0 has a place and no inode.
        let slots = length.checked_div(INODE_SIZE).unwrap_or_default();
        let inode_count = u32::try_from(slots.saturating_sub(1)).unwrap_or(crate::limits::MAX_INO);
        Ok(Self {
            memory,
            superblock,
            inodes,
            inode_count,
            hash: PhantomData,
        })
    }

    /// The memory that holds the image.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The superblock as it was when the image was opened.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// How many inodes there are: their numbers are 1 to this one.
    pub fn inode_count(&self) -> u32 {
        self.inode_count
    }

    /// All inode numbers, in ascending order.
    pub fn inode_numbers(&self) -> impl Iterator<Item = Ino> {
        (1..=self.inode_count).filter_map(Ino::new)
    }

    /// Where an inode lies, in bytes from the start of the image.
    pub fn inode_offset(&self, ino: Ino) -> u64 {
        self.inodes
            .saturating_add(u64::from(ino.get()).saturating_mul(INODE_SIZE))
    }

    /// Copies out an inode as it lies in the image, without validating it.
    ///
    /// # Errors
    /// [`Rule::InodeNumber`] for a number without inode, and the memory's own.
    pub fn raw_inode(&self, ino: Ino) -> Result<RawInode> {
        let at = self.inode_offset(ino);
        if ino.get() > self.inode_count {
            let object = Object::Inode(ino.get());
            let value = ino.get().into();
            return Err(Finding {
                object,
                offset: at,
                rule: Rule::InodeNumber,
                value,
            }
            .into());
        }
        read_struct(&self.memory, at).map_err(Error::from)
    }

    /// Copies out and validates an inode.
    ///
    /// # Errors
    /// The first rule that the inode breaks by itself, or the memory's own.
    pub fn inode(&self, ino: Ino) -> Result<Inode> {
        let raw = self.raw_inode(ino)?;
        Inode::validate(&raw, ino, self.inode_offset(ino), &self.superblock)
    }

    /// The entry with this name. `.` and `..` are not stored, and never found.
    ///
    /// # Errors
    /// A rule that an entry on the way breaks, or the memory's own.
    pub fn lookup(&self, directory: &Directory, name: &[u8]) -> Result<Option<DirEntry>> {
        directory.find(&self.memory, name, NameHash::of::<X>(name))
    }

    /// The inode that an entry of `directory` names.
    ///
    /// # Errors
    /// Those of [`Self::inode`] and [`Self::check_child`].
    pub fn child(&self, directory: &Directory, entry: &DirEntry) -> Result<Inode> {
        let inode = self.inode(entry.ino)?;
        self.check_child(directory, entry, &inode.kind)?;
        Ok(inode)
    }

    /// Checks that an entry of `directory` may name an inode of this kind.
    ///
    /// # Errors
    /// [`Rule::EntryType`] if the inode has another type than the entry says, and
    /// [`Rule::DirectoryParent`] if it is a directory with another parent, or the root.
    pub fn check_child(
        &self,
        directory: &Directory,
        entry: &DirEntry,
        kind: &InodeKind,
    ) -> Result<()> {
        let fail = |field, rule, value| {
            let object = Object::Inode(entry.ino.get());
            let offset = self.inode_offset(entry.ino).saturating_add(field);
            Err(Finding {
                object,
                offset,
                rule,
                value,
            }
            .into())
        };
        if kind.file_type() != entry.file_type {
            return fail(0, Rule::EntryType, entry.file_type.to_entry().into());
        }
        match kind {
            InodeKind::Directory(child)
                if child.parent != directory.ino || child.ino == child.parent =>
            {
                fail(52, Rule::DirectoryParent, child.parent.get().into())
            }
            _ => Ok(()),
        }
    }

    /// The position that a cookie stands for: that of the first entry that does not come before it.
    ///
    /// # Errors
    /// The memory's own.
    pub fn seek(&self, directory: &Directory, cookie: Cookie) -> Result<Position> {
        directory.seek(&self.memory, cookie)
    }

    /// Copies out and validates the entry at `position` and moves on, also on an error; `None` at the
    /// end. Cookies ascend, from one call to the next and from one [`Self::seek`] to the next.
    ///
    /// # Errors
    /// A rule that the entry breaks by itself, [`Rule::EntryOrder`], or the memory's own.
    pub fn next_entry(
        &self,
        directory: &Directory,
        position: &mut Position,
    ) -> Result<Option<(DirEntry, Cookie)>> {
        if position.index >= directory.count {
            return Ok(None);
        }
        let index = position.index;
        position.index = index.saturating_add(1);
        let raw = directory.raw_entry(&self.memory, index)?;
        let entry = directory.validate(&raw, index)?;
        let cookie = position
            .take(entry.hash)
            .ok_or_else(|| directory.finding(index, 0, Rule::EntryOrder, entry.hash.0.into()))?;
        Ok(Some((entry, cookie)))
    }

    /// Copies out and validates the entry `index`, in the order in which entries are stored, or
    /// returns `None` past the end. One that is broken does not hide those after it.
    ///
    /// # Errors
    /// A rule that the entry breaks by itself, or the memory's own.
    pub fn entry(&self, directory: &Directory, index: u32) -> Result<Option<DirEntry>> {
        if index >= directory.count {
            return Ok(None);
        }
        let raw = directory.raw_entry(&self.memory, index)?;
        directory.validate(&raw, index).map(Some)
    }

    /// Copies the name of an entry of `directory` into `buffer` and checks that it can be one.
    ///
    /// # Errors
    /// [`Rule::EntryName`], or the memory's own.
    pub fn name<'a>(
        &self,
        directory: &Directory,
        entry: &DirEntry,
        buffer: &'a mut NameBuf,
    ) -> Result<&'a [u8]> {
        let name = directory.read_name(&self.memory, entry, buffer)?;
        if crate::directory::is_valid_name(name) {
            return Ok(name);
        }
        let offset = directory.offset.saturating_add(entry.name_offset.into());
        let object = Object::Inode(directory.ino.get());
        let value = len64(name);
        Err(Finding {
            object,
            offset,
            rule: Rule::EntryName,
            value,
        }
        .into())
    }

    /// Copies the first bytes of a symlink's target into `buffer` and returns them; a target that
    /// fits has [`Symlink::length`] bytes. It holds no NUL.
    ///
    /// # Errors
    /// [`Rule::SymlinkTarget`], or the memory's own.
    pub fn read_link<'a>(&self, link: &Symlink, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = usize::from(link.length).min(buffer.len());
        let target = buffer.get_mut(..length).unwrap_or_default();
        self.memory.read(link.offset, target)?;
        match (link.offset..)
            .zip(target.iter())
            .find(|&(_, &byte)| byte == 0)
        {
            Some((offset, _)) => {
                let object = Object::Inode(link.ino.get());
                Err(Finding {
                    object,
                    offset,
                    rule: Rule::SymlinkTarget,
                    value: 0,
                }
                .into())
            }
            None => Ok(target),
        }
    }

    /// Finds a set of extended attributes.
    ///
    /// # Errors
    /// [`Rule::InodeXattrs`] if there is none with this number, [`Rule::XattrTable`] if it does not
    /// lie in its section, or the memory's own.
    pub fn xattrs(&self, id: XattrSetId) -> Result<XattrSet> {
        XattrSet::locate(&self.memory, &self.superblock, id)
    }

    /// Copies out and validates the next attribute of a walk; `None` at the end.
    ///
    /// # Errors
    /// A rule that the attribute breaks, or the memory's own.
    pub fn next_xattr(&self, walk: &mut XattrWalk) -> Result<Option<Xattr>> {
        walk.next(&self.memory)
    }

    /// The attribute of a set with this namespace and name (what follows the prefix).
    ///
    /// # Errors
    /// A rule that an attribute on the way breaks, or the memory's own.
    pub fn find_xattr(
        &self,
        set: &XattrSet,
        namespace: Namespace,
        name: &[u8],
    ) -> Result<Option<Xattr>> {
        set.find(&self.memory, namespace, name)
    }

    /// Copies the name of an attribute, without the namespace's prefix, into `buffer`.
    ///
    /// # Errors
    /// [`Rule::XattrName`] for a name with a NUL, or the memory's own.
    pub fn xattr_name<'a>(&self, xattr: &Xattr, buffer: &'a mut [u8; 255]) -> Result<&'a [u8]> {
        let name = xattr.read_name(&self.memory, buffer)?;
        if name.contains(&0) {
            return Err(xattr.finding(Rule::XattrName, xattr.name_at(), 0).into());
        }
        Ok(name)
    }

    /// Copies the first bytes of an attribute's value into `buffer` and returns them; all of them
    /// are [`Xattr::value_length`].
    ///
    /// # Errors
    /// The memory's own.
    pub fn xattr_value<'a>(&self, xattr: &Xattr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = to_usize(xattr.value_length.into()).min(buffer.len());
        let value = buffer.get_mut(..length).unwrap_or_default();
        self.memory.read(xattr.value_at(), value)?;
        Ok(value)
    }

    /// Copies out and validates the extent `index` of a list, or `None` past the end.
    ///
    /// # Errors
    /// A rule that the extent breaks by itself, or the memory's own.
    pub fn extent(&self, list: &ExtentList, index: u32) -> Result<Option<Extent>> {
        if index >= list.count {
            return Ok(None);
        }
        list.read(&self.memory, &self.superblock, index).map(Some)
    }

    /// The piece of a file of `size` bytes that `offset` lies in, or `None` at or past the end.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or the memory's own.
    pub fn segment(&self, data: &FileData, size: u64, offset: u64) -> Result<Option<Segment>> {
        if offset >= size {
            return Ok(None);
        }
        match *data {
            FileData::Empty => Ok(None),
            FileData::Direct { offset: start } | FileData::Packed { offset: start } => {
                Ok(Some(Segment {
                    end: size,
                    data: Some(start.saturating_add(offset)),
                }))
            }
            FileData::Sparse(list) => self.sparse_segment(&list, offset).map(Some),
        }
    }

    fn sparse_segment(&self, list: &ExtentList, offset: u64) -> Result<Segment> {
        let (mut low, mut high) = (0, list.count);
        while low < high {
            let middle = low.midpoint(high);
            let extent = list.read(&self.memory, &self.superblock, middle)?;
            if extent.file_end() <= offset {
                low = middle.saturating_add(1);
            } else if extent.file_offset > offset {
                high = middle;
            } else {
                let into = offset.saturating_sub(extent.file_offset);
                let data = Some(extent.offset.saturating_add(into));
                return Ok(Segment {
                    end: extent.file_end(),
                    data,
                });
            }
        }
        let end = match self.extent(list, low)? {
            Some(next) => next.file_offset,
            None => list.size,
        };
        // A list that changes under the search must not send the caller back.
        if end <= offset {
            return Err(list.finding(low, 0, Rule::ExtentOrder, end).into());
        }
        Ok(Segment { end, data: None })
    }

    /// Copies bytes of a file of `size` bytes, from `offset` on, into `buffer`, and returns how many:
    /// fewer than asked for only at the end of the file.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or the memory's own.
    pub fn read(
        &self,
        data: &FileData,
        size: u64,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize> {
        let mut done = 0_usize;
        let mut at = offset;
        while let Some(segment) = self.segment(data, size, at)? {
            let room = buffer.get_mut(done..).unwrap_or_default();
            let length = to_usize(segment.end.saturating_sub(at)).min(room.len());
            let Some(piece) = room.get_mut(..length).filter(|piece| !piece.is_empty()) else {
                break;
            };
            match segment.data {
                Some(place) => self.memory.read(place, piece)?,
                None => piece.fill(0),
            }
            at = at.saturating_add(len64(piece));
            done = done.saturating_add(length);
        }
        Ok(done)
    }

    /// The SHA-256 that the image states for a content, if it states digests.
    ///
    /// # Errors
    /// [`Rule::DigestHeader`] if digests are of a kind that is not known, [`Rule::DigestCount`] if there is
    /// none with this number, or the memory's own.
    pub fn digest(&self, content: ContentId) -> Result<Option<[u8; 32]>> {
        let Some(section) = self.superblock.sections().get(SectionKind::Digests) else {
            return Ok(None);
        };
        let slot = u64::from(content.get()).saturating_mul(DIGEST_SIZE);
        let at = section.offset.saturating_add(slot);
        if !section.holds(at, DIGEST_SIZE) {
            let (object, value) = (Object::Content(content), content.get().into());
            return Err(Finding {
                object,
                offset: at,
                rule: Rule::DigestCount,
                value,
            }
            .into());
        }
        let header: RawDigestHeader = read_struct(&self.memory, section.offset)?;
        header.validate(section.offset)?;
        let mut digest = [0; 32];
        self.memory.read(at, &mut digest)?;
        Ok(Some(digest))
    }
}

impl<M, X> fmt::Debug for Image<M, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("superblock", &self.superblock)
            .finish_non_exhaustive()
    }
}
