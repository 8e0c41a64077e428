// SPDX-License-Identifier: MIT OR Apache-2.0
//! An opened image, from which the objects are read.
//!
//! Every method copies what it needs out of the memory, validates the copy and returns it. What a
//! method was given (a [`Directory`], an [`Inode`]) was validated when it was read, and is used as
//! it is: the place in memory that it came from is not read again.

use core::fmt;
use core::marker::PhantomData;

use crate::digest::{ContentId, RawDigestHeader, DIGEST_SIZE};
use crate::directory::{Cookie, DirEntry, Directory, ListBuf, Listed, NameBuf, Position};
use crate::error::{Error, Finding, Object, Result};
use crate::extent::{Extent, ExtentList};
use crate::hash::{NameHash, Xxh64};
use crate::inode::{FileData, Ino, Inode, InodeKind, RawInode, Symlink, INODE_SIZE};
use crate::memory::{read_struct, Memory};
use crate::num::{is_aligned, len64, offsets_from, round_up, to_usize};
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

/// A piece of a file: where it begins and ends, and where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The file offset of its first byte, at most the offset that was asked for.
    pub start: u64,
    /// The file offset of the byte after the piece, beyond the offset that was asked for.
    pub end: u64,
    /// The image offset of the byte that was asked for, or `None` in a hole.
    pub data: Option<u64>,
}

/// A walk over the pieces of a file, each read once.
///
/// # Invariants
/// A step moves `at` on, and takes an extent or leads to the one that the next step takes. So a walk
/// over a list has at most two steps for each extent and one at the end, whatever the list says.
#[derive(Clone, Copy, Debug)]
pub struct SegmentWalk {
    data: FileData,
    size: u64,
    at: u64,
    /// The extent to be read next.
    index: u32,
    /// The extent behind the hole that was the last piece.
    extent: Option<Extent>,
}

/// The length of the buffer through which tails are looked at, in bytes: on a stack.
const TAIL_BUFFER: usize = 256;

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
        if kind.file_type() != entry.file_type {
            let value = entry.file_type.to_entry().into();
            return Err(directory
                .finding(entry.index, 14, Rule::EntryType, value)
                .into());
        }
        match kind {
            InodeKind::Directory(child)
                if child.parent != directory.ino || child.ino == child.parent =>
            {
                Err(Finding {
                    object: Object::Inode(entry.ino.get()),
                    offset: self.inode_offset(entry.ino).saturating_add(52),
                    rule: Rule::DirectoryParent,
                    value: child.parent.get().into(),
                }
                .into())
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

    /// Copies out and validates the entry at `position` with its name, and moves on, also on an
    /// error; `None` at the end. Cookies ascend, from one call to the next and from one [`Self::seek`]
    /// to the next. `buffer` holds copies of what comes next, for the calls that follow.
    ///
    /// # Errors
    /// A rule that the entry breaks by itself, [`Rule::EntryOrder`], [`Rule::EntryName`], or the memory's
    /// own.
    #[inline]
    pub fn next_entry<'b>(
        &self,
        directory: &Directory,
        position: &mut Position,
        buffer: &'b mut ListBuf,
    ) -> Result<Option<Listed<'b>>> {
        if position.is_at_end(directory) {
            return Ok(None);
        }
        let index = position.index;
        position.index = index.saturating_add(1);
        let raw = directory.list_entry(&self.memory, index, buffer)?;
        let entry = directory.validate(raw, index)?;
        let cookie = position
            .take(entry.hash)
            .ok_or_else(|| directory.finding(index, 0, Rule::EntryOrder, entry.hash.0.into()))?;
        let name = directory.list_name(&self.memory, &entry, buffer)?;
        Ok(Some(Listed {
            entry,
            cookie,
            name,
        }))
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
        directory.check_name(entry, name)?;
        Ok(name)
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
        match offsets_from(link.offset)
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
        match offsets_from(xattr.name_at())
            .zip(name)
            .find(|&(_, &byte)| byte == 0)
        {
            Some((offset, _)) => Err(xattr.finding(Rule::XattrName, offset, 0).into()),
            None => Ok(name),
        }
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
    #[inline]
    pub fn segment(&self, data: &FileData, size: u64, offset: u64) -> Result<Option<Segment>> {
        if offset >= size {
            return Ok(None);
        }
        match *data {
            FileData::Empty => Ok(None),
            FileData::Direct { offset: start } | FileData::Packed { offset: start } => {
                Ok(Some(Segment {
                    start: 0,
                    end: size,
                    data: Some(start.saturating_add(offset)),
                }))
            }
            FileData::Sparse(list) => self.sparse_segment(&list, offset).map(Some),
        }
    }

    // Out of line: what remains of `segment` is a few instructions of every read and fault.
    #[inline(never)]
    fn sparse_segment(&self, list: &ExtentList, offset: u64) -> Result<Segment> {
        let found = self.find_extent(list, offset)?;
        let extent = self.extent(list, found.index)?;
        sparse_segment(list, &found, extent, offset).map_err(Error::from)
    }

    /// Finds the first extent that ends beyond `offset`.
    fn find_extent(&self, list: &ExtentList, offset: u64) -> Result<FoundExtent> {
        let (mut low, mut high) = (0, list.count);
        let mut before = 0;
        while low < high {
            let middle = low.midpoint(high);
            let extent = list.read(&self.memory, &self.superblock, middle)?;
            if extent.file_end() <= offset {
                low = middle.saturating_add(1);
                before = extent.file_end();
            } else {
                high = middle;
            }
        }
        Ok(FoundExtent { index: low, before })
    }

    /// A walk over the pieces of a file of `size` bytes, from the one that `offset` lies in on.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or the memory's own.
    pub fn segments(&self, data: &FileData, size: u64, offset: u64) -> Result<SegmentWalk> {
        let index = match data {
            FileData::Sparse(list) => self.find_extent(list, offset)?.index,
            _ => 0,
        };
        Ok(SegmentWalk {
            data: *data,
            size,
            at: offset,
            index,
            extent: None,
        })
    }

    /// The next piece of a walk, which begins where the last one ended, or `None` at the end of the
    /// file.
    ///
    /// # Errors
    /// A rule that the extent breaks, or the memory's own.
    pub fn next_segment(&self, walk: &mut SegmentWalk) -> Result<Option<Segment>> {
        let FileData::Sparse(list) = walk.data else {
            let segment = self.segment(&walk.data, walk.size, walk.at)?;
            walk.at = segment.map_or(walk.at, |segment| segment.end);
            return Ok(segment);
        };
        if walk.at >= walk.size {
            return Ok(None);
        }
        let extent = match walk.extent.take() {
            Some(extent) => Some(extent),
            None => self.extent(&list, walk.index)?,
        };
        let found = FoundExtent {
            index: walk.index,
            before: walk.at,
        };
        let segment = sparse_segment(&list, &found, extent, walk.at)?;
        if segment.data.is_some() {
            walk.index = walk.index.saturating_add(1);
        } else {
            walk.extent = extent;
        }
        walk.at = segment.end;
        Ok(Some(segment))
    }

    /// Checks that the bytes between the end of a file of `size` bytes and the end of its page are
    /// zero, which whoever maps that page will see.
    ///
    /// # Errors
    /// [`Rule::ContentTail`] at the first byte that is not, a rule that an extent on the way breaks, or
    /// the memory's own.
    pub fn check_tail(&self, ino: Ino, data: &FileData, size: u64) -> Result<()> {
        let shift = self.superblock.page_shift();
        let (Some(last), false) = (size.checked_sub(1), is_aligned(size, shift)) else {
            return Ok(());
        };
        if matches!(data, FileData::Packed { .. }) {
            return Ok(());
        }
        let segment = self.segment(data, size, last)?;
        let Some(end) = segment.and_then(|last| last.data?.checked_add(1)) else {
            return Ok(());
        };
        let tail = round_up(end, shift).unwrap_or(end).saturating_sub(end);
        let mut buffer = [0; TAIL_BUFFER];
        match crate::memory::find_nonzero(&self.memory, end, tail, &mut buffer)? {
            Some((offset, value)) => Err(Finding {
                object: Object::Inode(ino.get()),
                offset,
                rule: Rule::ContentTail,
                value: value.into(),
            }
            .into()),
            None => Ok(()),
        }
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

/// The first extent of a list that ends beyond some offset.
struct FoundExtent {
    /// Its index, or the number of extents if there is none.
    index: u32,
    /// Where the extent before it ends, or 0.
    before: u64,
}

/// The piece of a sparse file that `offset` lies in: of `extent`, which was read at `found`, or of the
/// hole before it.
fn sparse_segment(
    list: &ExtentList,
    found: &FoundExtent,
    extent: Option<Extent>,
    offset: u64,
) -> core::result::Result<Segment, Finding> {
    let segment = match extent {
        Some(extent) if extent.file_offset <= offset => Segment {
            start: extent.file_offset,
            end: extent.file_end(),
            data: Some(
                extent
                    .offset
                    .saturating_add(offset.saturating_sub(extent.file_offset)),
            ),
        },
        next => Segment {
            start: found.before,
            end: next.map_or(list.size, |next| next.file_offset),
            data: None,
        },
    };
    // A list that changes under a search must not send the caller back.
    if segment.end <= offset {
        let value = extent.map_or(list.size, |extent| extent.file_offset);
        return Err(list.finding(found.index, 0, Rule::ExtentOrder, value));
    }
    Ok(segment)
}

impl<M, X> fmt::Debug for Image<M, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("superblock", &self.superblock)
            .finish_non_exhaustive()
    }
}
