// SPDX-License-Identifier: MIT OR Apache-2.0
//! The section table: kinds, offsets and lengths.
//!
//! ```text
//! superblock | inodes | directories | symlinks | xattrs | extents | digests | packed | data
//! ```
//!
//! The lengths of the first sections are known after the scan. The number of digests and the
//! lengths of `packed` and `data` depend on which files are equal, which is known when they have
//! been read. So the digest section is planned for a digest of every file, `packed` is copied behind
//! it, and `data` behind that. If files turn out equal, the end of the digest section stays unused.

use daxfs_format::digest::DIGEST_SIZE;
use daxfs_format::section::RawSection;
use daxfs_format::superblock::SUPERBLOCK_SIZE;
use daxfs_format::SectionKind;
use zerocopy::FromZeros as _;

use super::extents::SparseFiles;
use super::offset::ImageOffset;
use super::ordered::Ordered;
use crate::num::{len64, round_up};
use crate::options::PageSize;

/// Length of the longest xattr section in bytes: offsets in it have 32 bits.
pub(crate) const MAX_XATTRS: u64 = 0xffff_ffff;

/// A section of the image.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range {
    pub(crate) offset: ImageOffset,
    /// Length in bytes; 0 for a section that does not exist.
    pub(crate) length: u64,
}

/// The sections so far, in the order in which they lie in the image.
#[derive(Debug)]
pub(crate) struct Sections {
    list: Vec<(SectionKind, RawSection)>,
    page: PageSize,
    end: ImageOffset,
}

impl Sections {
    /// The sections that describe the files of a tree, except the digests.
    pub(crate) fn describing(ordered: &Ordered<'_>, sparse: &SparseFiles, page: PageSize) -> Self {
        let mut sections = Self::new(page);
        sections.push(SectionKind::Inodes, ordered.inodes_length());
        sections.push(SectionKind::Directories, ordered.directories_length());
        sections.push(SectionKind::Symlinks, ordered.symlinks_length());
        sections.push(SectionKind::Xattrs, ordered.xattrs_length());
        sections.push(SectionKind::Extents, sparse.section_length());
        sections
    }

    fn new(page: PageSize) -> Self {
        Self {
            list: Vec::new(),
            page,
            end: ImageOffset(len64(SUPERBLOCK_SIZE)),
        }
    }

    /// The page that the data section is aligned to.
    pub(crate) fn page(&self) -> PageSize {
        self.page
    }

    /// All sections with their kinds.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RawSection> {
        self.list.iter().map(|(_, raw)| raw)
    }

    /// The number of sections.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The offset of a section of this kind, if it were the next one.
    pub(crate) fn next(&self, kind: SectionKind) -> ImageOffset {
        let shift = kind.align_shift(self.page.shift().into());
        ImageOffset(round_up(self.end.0, 1 << shift))
    }

    /// Appends a section, unless it is empty.
    pub(crate) fn push(&mut self, kind: SectionKind, length: u64) {
        if length == 0 {
            return;
        }
        let offset = self.next(kind);
        let mut raw = RawSection::new_zeroed();
        raw.kind.set(kind.number());
        raw.flags.set(kind.flags());
        raw.offset.set(offset.0);
        raw.length.set(length);
        self.list.push((kind, raw));
        self.end = offset.after(length);
    }

    /// Appends the section of everything from the next offset to `end`.
    pub(crate) fn push_until(&mut self, kind: SectionKind, end: ImageOffset) {
        let start = self.next(kind);
        self.push(kind, end.0 - start.0);
    }

    /// Gives a section its final length, which is not longer than the one that it was pushed with.
    /// Returns the number of bytes that belong to no section then.
    pub(crate) fn shorten(&mut self, kind: SectionKind, length: u64) -> u64 {
        let Some(raw) = self.raw_mut(kind) else {
            return 0;
        };
        let left = raw.length.get().saturating_sub(length);
        raw.length.set(length);
        self.list.retain(|(_, raw)| raw.length.get() != 0);
        left
    }

    /// Length in bytes of the superblock and the sections that describe files.
    pub(crate) fn metadata(&self) -> u64 {
        let described = self.list.iter().filter(|(kind, _)| kind.is_metadata());
        len64(SUPERBLOCK_SIZE) + described.map(|(_, raw)| raw.length.get()).sum::<u64>()
    }

    /// Length of the image in bytes.
    pub(crate) fn image_size(&self) -> u64 {
        self.page.round_up(self.end.0)
    }

    /// Offset and length of a section.
    pub(crate) fn range(&self, kind: SectionKind) -> Range {
        let found = self.list.iter().find(|(other, _)| *other == kind);
        found.map_or_else(Range::default, |(_, raw)| Range {
            offset: ImageOffset(raw.offset.get()),
            length: raw.length.get(),
        })
    }

    /// The entry of a section in the table.
    pub(crate) fn raw_mut(&mut self, kind: SectionKind) -> Option<&mut RawSection> {
        let found = self.list.iter_mut().find(|(other, _)| *other == kind);
        found.map(|(_, raw)| raw)
    }
}

/// Length in bytes of a digest section for that many contents. Without contents there is none.
pub(crate) fn digests_length(contents: usize) -> u64 {
    match len64(contents) {
        0 => 0,
        contents => (contents + 1) * DIGEST_SIZE,
    }
}
