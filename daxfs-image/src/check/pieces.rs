// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verification of contents in pieces of work.
//!
//! Where contents or extent lists overlap, a short image could make work without end. Overlaps are
//! findings of the structural check; here they are recognised by there being more than there can be.

use std::cmp::Reverse;
use std::ops::Range;

use daxfs_format::extent::EXTENT_SIZE;
use daxfs_format::{ContentId, FileData, Ino, Inode, InodeKind, SectionKind};

use super::error::{only_faults, CheckError};
use super::structure::Structure;
use crate::file::FileImage;

/// Contents are put together up to so many bytes, and larger ones are pieces of their own.
const PIECE: u64 = 4 << 20;
/// The most contents in a piece.
const PIECE_CONTENTS: usize = 4096;

/// What a thread takes at a time: the contents with these indices in the list of owners.
pub(super) type Piece = Range<usize>;

/// All pieces with their sizes in bytes, the largest first.
pub(super) fn plan(
    image: &FileImage,
    structure: &Structure,
) -> Result<Vec<(u64, Piece)>, CheckError> {
    let sections = image.superblock().sections();
    let mut pieces = content_pieces(image, structure)?;
    let places = [SectionKind::Data, SectionKind::Packed];
    let places = places.into_iter().filter_map(|kind| sections.get(kind));
    if sum(&pieces) > places.map(|section| section.length).sum() {
        return Err(CheckError::Overlap);
    }
    pieces.sort_by_key(|&(bytes, _)| Reverse(bytes));
    Ok(pieces)
}

/// The bytes of all pieces.
pub(super) fn sum(pieces: &[(u64, Piece)]) -> u64 {
    let bytes = pieces.iter().map(|&(bytes, _)| bytes);
    bytes.fold(0, u64::saturating_add)
}

/// The content of an inode, if it has one.
pub(super) fn content_of(inode: Inode) -> Option<(ContentId, FileData, Inode)> {
    match (inode.content, inode.kind) {
        (Some(content), InodeKind::Regular(data)) => Some((content, data, inode)),
        _ => None,
    }
}

/// All contents, in pieces of about equal size as far as their own sizes allow.
fn content_pieces(
    image: &FileImage,
    structure: &Structure,
) -> Result<Vec<(u64, Piece)>, CheckError> {
    let mut stored = StoredBytes::new(image);
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, &owner) in structure.owners.iter().enumerate() {
        let size = match Ino::new(owner) {
            Some(ino) => stored.of(ino)?,
            None => 0,
        };
        let full = bytes.saturating_add(size) > PIECE || index - start >= PIECE_CONTENTS;
        if full && index > start {
            pieces.push((bytes, start..index));
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(size);
    }
    pieces.push((bytes, start..structure.owners.len()));
    Ok(pieces)
}

/// Counts the bytes of contents.
struct StoredBytes<'a> {
    image: &'a FileImage,
    /// How many extents there can still be if no lists overlap.
    extents: u64,
}

impl<'a> StoredBytes<'a> {
    fn new(image: &'a FileImage) -> Self {
        let lists = image.superblock().sections().get(SectionKind::Extents);
        Self {
            image,
            extents: lists.map_or(0, |lists| lists.length / EXTENT_SIZE),
        }
    }

    /// How many bytes of the content of an inode are stored.
    fn of(&mut self, ino: Ino) -> Result<u64, CheckError> {
        let memory = self.image.memory();
        let inode = only_faults(self.image.inode(ino), memory)?;
        let Some((_, data, inode)) = inode.and_then(content_of) else {
            return Ok(0);
        };
        let FileData::Sparse(list) = data else {
            return Ok(inode.size);
        };
        let left = self.extents.checked_sub(list.count().into());
        self.extents = left.ok_or(CheckError::Overlap)?;
        let mut sum = 0_u64;
        for index in 0..list.count() {
            let extent = only_faults(self.image.extent(&list, index), memory)?.flatten();
            sum = sum.saturating_add(extent.map_or(0, |extent| extent.length));
        }
        Ok(sum)
    }
}
