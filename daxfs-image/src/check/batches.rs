// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents in batches of work.
//!
//! Overlapping contents or extent lists could make a short image take unbounded work. Overlaps are
//! findings of the structural check. Here they are recognised by sums that exceed the sections.

use std::cmp::Reverse;
use std::ops::Range;

use daxfs_format::extent::EXTENT_SIZE;
use daxfs_format::{ContentId, FileData, Ino, Inode, InodeKind, SectionKind};

use super::error::{only_faults, CheckError};
use super::structure::Structure;
use crate::file::FileImage;

/// The size in bytes up to which contents share a batch. Larger contents have a batch each.
const BATCH: u64 = 4 << 20;
/// The largest number of contents in a batch.
const BATCH_CONTENTS: usize = 4096;

/// The contents with these indices in the list of owners, which one thread takes at a time.
pub(super) type Batch = Range<usize>;

/// All batches with their sizes in bytes, the largest first.
pub(super) fn plan(
    image: &FileImage,
    structure: &Structure,
) -> Result<Vec<(u64, Batch)>, CheckError> {
    let sections = image.superblock().sections();
    let mut batches = content_batches(image, structure)?;
    let sections_of_contents = [SectionKind::Data, SectionKind::Packed];
    let stored = sections_of_contents
        .into_iter()
        .filter_map(|kind| sections.get(kind));
    if sum(&batches) > stored.map(|section| section.length).sum() {
        return Err(CheckError::Overlap);
    }
    batches.sort_by_key(|&(bytes, _)| Reverse(bytes));
    Ok(batches)
}

/// The sum of the bytes of all batches.
pub(super) fn sum(batches: &[(u64, Batch)]) -> u64 {
    let bytes = batches.iter().map(|&(bytes, _)| bytes);
    bytes.fold(0, u64::saturating_add)
}

/// The content of an inode, if it has one.
pub(super) fn content_of(inode: Inode) -> Option<(ContentId, FileData, Inode)> {
    match (inode.content, inode.kind) {
        (Some(content), InodeKind::Regular(data)) => Some((content, data, inode)),
        _ => None,
    }
}

/// All contents, in batches of about equal size as far as the sizes of contents allow.
fn content_batches(
    image: &FileImage,
    structure: &Structure,
) -> Result<Vec<(u64, Batch)>, CheckError> {
    let mut stored = StoredBytes::new(image);
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, &owner) in structure.owners.iter().enumerate() {
        let size = match Ino::new(owner) {
            Some(ino) => stored.of(ino)?,
            None => 0,
        };
        let full = bytes.saturating_add(size) > BATCH || index - start >= BATCH_CONTENTS;
        if full && index > start {
            batches.push((bytes, start..index));
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(size);
    }
    batches.push((bytes, start..structure.owners.len()));
    Ok(batches)
}

/// Counts the bytes of contents.
struct StoredBytes<'a> {
    image: &'a FileImage,
    /// The number of further extents that there can be if no lists overlap.
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

    /// The number of stored bytes of the content of an inode.
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
