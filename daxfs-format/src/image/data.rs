// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes of the files of an image.

use super::open::Image;
use crate::digest::{RawDigestHeader, DIGEST_SIZE};
use crate::error::{Error, Finding, Object, Result};
use crate::extent::{Extent, ExtentList};
use crate::hash::Xxh64;
use crate::ids::{ContentId, Ino};
use crate::inode::FileData;
use crate::kinds::SectionKind;
use crate::memory::{find_nonzero, read_struct, Memory};
use crate::num::{is_aligned, len64, round_up, to_usize};
use crate::rule::Rule;

/// A contiguous part of a file: data or a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The file offset of its first byte, at most the requested one.
    pub start: u64,
    /// The file offset of the byte after it, greater than the requested one.
    pub end: u64,
    /// The image offset of the requested byte, or `None` in a hole.
    pub data: Option<u64>,
}

/// A walk over the segments of a file, each read once.
///
/// # Invariants
/// A step advances `at`, and takes an extent or keeps it for the next step. So a walk over a list
/// has at most two steps for each extent and one at the end, whatever the list states.
#[derive(Clone, Copy, Debug)]
pub struct SegmentWalk {
    data: FileData,
    size: u64,
    at: u64,
    /// The index of the next extent to read.
    index: u32,
    /// The extent after the hole that was the last segment.
    extent: Option<Extent>,
}

/// The size in bytes of the buffer for tails, which is on the stack.
const TAIL_BUFFER: usize = 256;

impl<M: Memory, X: Xxh64> Image<M, X> {
    /// Copies out and validates the extent `index` of a list, or `None` past the end.
    ///
    /// # Errors
    /// A rule that the extent breaks by itself, or a fault of the memory.
    pub fn extent(&self, list: &ExtentList, index: u32) -> Result<Option<Extent>> {
        if index >= list.count {
            return Ok(None);
        }
        list.read(&self.memory, &self.superblock, index).map(Some)
    }

    /// The segment that holds `offset` of a file of `size` bytes, or `None` at or past the end.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or a fault of the memory.
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

    // Out of line: the rest of `segment` is a few instructions of every read and fault.
    #[inline(never)]
    fn sparse_segment(&self, list: &ExtentList, offset: u64) -> Result<Segment> {
        let found = self.find_extent(list, offset)?;
        let extent = self.extent(list, found.index)?;
        sparse_segment(list, &found, extent, offset).map_err(Error::from)
    }

    /// Finds the first extent that ends after `offset`.
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

    /// A walk over the segments of a file of `size` bytes, from the one that holds `offset`.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or a fault of the memory.
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

    /// The next segment of a walk, which begins where the last one ended, or `None` at the end of
    /// the file.
    ///
    /// # Errors
    /// A rule that the extent breaks, or a fault of the memory.
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
    /// zero. Mappings of that page expose them.
    ///
    /// # Errors
    /// [`Rule::ContentTail`] at the first byte that is not, a rule that an extent on the way
    /// breaks, or a fault of the memory.
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
        match find_nonzero(&self.memory, end, tail, &mut buffer)? {
            Some((offset, value)) => Err(Finding::new(
                Object::Inode(ino.get()),
                offset,
                Rule::ContentTail,
                value.into(),
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Copies bytes of a file of `size` bytes, from `offset` on, into `buffer`. Returns their
    /// number, which is smaller than the buffer only at the end of the file.
    ///
    /// # Errors
    /// A rule that an extent on the way breaks, or a fault of the memory.
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
            let Some(part) = room.get_mut(..length).filter(|part| !part.is_empty()) else {
                break;
            };
            match segment.data {
                Some(data) => self.memory.read(data, part)?,
                None => part.fill(0),
            }
            at = at.saturating_add(len64(part));
            done = done.saturating_add(length);
        }
        Ok(done)
    }

    /// The SHA-256 stated for a content, if the image states digests.
    ///
    /// # Errors
    /// [`Rule::DigestHeader`] if digests are of a kind that is not known, [`Rule::DigestCount`] if
    /// there is none with this number, or a fault of the memory.
    pub fn digest(&self, content: ContentId) -> Result<Option<[u8; 32]>> {
        let Some(section) = self.superblock.sections().get(SectionKind::Digests) else {
            return Ok(None);
        };
        let slot = u64::from(content.get()).saturating_mul(DIGEST_SIZE);
        let at = section.offset.saturating_add(slot);
        if !section.holds(at, DIGEST_SIZE) {
            let (object, value) = (Object::Content(content), content.get().into());
            return Err(Finding::new(object, at, Rule::DigestCount, value).into());
        }
        let header: RawDigestHeader = read_struct(&self.memory, section.offset)?;
        header.validate(section.offset)?;
        let mut digest = [0; 32];
        self.memory.read(at, &mut digest)?;
        Ok(Some(digest))
    }
}

/// The first extent of a list that ends after some offset.
struct FoundExtent {
    /// Its index, or the number of extents if there is none.
    index: u32,
    /// The end of the extent before it, or 0.
    before: u64,
}

/// The segment of a sparse file that holds `offset`: of `extent`, which was read at `found`, or of
/// the hole before it.
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
    // A list that changes during a search must not move the caller backwards.
    if segment.end <= offset {
        let value = extent.map_or(list.size, |extent| extent.file_offset);
        return Err(list.finding(found.index, 0, Rule::ExtentOrder, value));
    }
    Ok(segment)
}
