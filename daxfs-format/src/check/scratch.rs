// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory that a check works in.

use super::report::{Outcome, Stop};
use crate::hash::Xxh64;
use crate::image::Image;
use crate::kinds::SectionKind;
use crate::memory::Memory;
use crate::num::{from_usize, to_usize};
use crate::xattr;

/// The size of the scratch memory for the check of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchSize {
    /// Elements of [`Scratch::links`] and [`Scratch::owners`]: one for each inode.
    pub inodes: usize,
    /// Elements of [`Scratch::acls`]: one for each attribute set that can be.
    pub sets: usize,
    /// Elements of [`Scratch::pages`]: one for each 64 pages of the data section.
    pub page_words: usize,
}

impl ScratchSize {
    /// The size for the check of `image`. It grows with the length of the inode section (an eighth
    /// of it), of the xattr section (a twelfth) and of the data section (a 32768th), which the
    /// memory bounds.
    #[must_use]
    pub fn of<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let superblock = image.superblock();
        let (_, data) = superblock.sections().range(SectionKind::Data);
        let pages = data
            .checked_shr(superblock.page_shift())
            .unwrap_or_default();
        let inodes = to_usize(image.inode_count().into());
        let (_, xattrs) = superblock.sections().range(SectionKind::Xattrs);
        let sets = to_usize(xattrs.checked_div(xattr::LEAST_SET).unwrap_or_default());
        Self {
            inodes,
            sets,
            page_words: to_usize(pages.div_ceil(64)),
        }
    }
}

impl ScratchSize {
    /// The sum in bytes, without the buffer.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |count, each| from_usize(count).saturating_mul(each);
        bytes(self.inodes, 8)
            .saturating_add(bytes(self.sets, 2))
            .saturating_add(bytes(self.page_words, 8))
    }
}

/// Memory that a check works in. Its contents beforehand do not matter.
#[derive(Debug)]
pub struct Scratch<'a> {
    /// The number of directory entries that name each inode.
    pub links: &'a mut [u32],
    /// The first inode of each content.
    pub owners: &'a mut [u32],
    /// The access control lists that each attribute set has.
    pub acls: &'a mut [u16],
    /// One bit for each page of the data section that holds a content; afterwards the input of
    /// [`check_data_padding`](super::check_data_padding).
    pub pages: &'a mut [u64],
    /// A buffer for reads, of at least [`Scratch::BUFFER`] bytes.
    pub buffer: &'a mut [u8],
}

impl Scratch<'_> {
    /// The least length of the buffer, in bytes: the longest symlink target.
    pub const BUFFER: usize = 4096;

    pub(super) fn prepare(&mut self, size: ScratchSize) -> Outcome {
        let enough = self.links.len() >= size.inodes
            && self.owners.len() >= size.inodes
            && self.acls.len() >= size.sets
            && self.pages.len() >= size.page_words
            && self.buffer.len() >= Self::BUFFER;
        if !enough {
            return Err(Stop::Scratch);
        }
        self.links.fill(0);
        self.owners.fill(0);
        self.acls.fill(0);
        self.pages.fill(0);
        Ok(())
    }
}
