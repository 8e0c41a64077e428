// SPDX-License-Identifier: MIT OR Apache-2.0
//! The section table and the superblock: what states all hashes, and is written last.

use daxfs_format::limits::MAX_IMAGE_SIZE;
use daxfs_format::section::RawSection;
use daxfs_format::superblock::{
    RawSuperblock, SuperblockCopy, MAGIC, SUPERBLOCK_SIZE, VERSION_MAJOR, VERSION_MINOR,
};
use daxfs_format::{Identity, SectionKind, Sha256 as _, Xxh64 as _};
use daxfs_image::hash::{Sha256, Xxh64};
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::error::{Error, Result};
use crate::num::{len64, round_up};
use crate::options::Options;

/// The inode number of the root.
const ROOT: u32 = 1;

/// The sections so far, in the order in which they lie in the image.
#[derive(Debug)]
pub(crate) struct Sections {
    list: Vec<(SectionKind, RawSection)>,
    page_shift: u8,
    end: u64,
}

impl Sections {
    pub(crate) fn new(page_shift: u8) -> Self {
        Self {
            list: Vec::new(),
            page_shift,
            end: len64(SUPERBLOCK_SIZE),
        }
    }

    pub(crate) fn page_shift(&self) -> u8 {
        self.page_shift
    }

    /// Where a section of this kind would begin.
    pub(crate) fn next(&self, kind: SectionKind) -> u64 {
        round_up(self.end, 1 << kind.align_shift(self.page_shift.into()))
    }

    /// Appends a section, unless it is empty, and returns where it begins.
    pub(crate) fn push(&mut self, kind: SectionKind, length: u64) -> u64 {
        let offset = self.next(kind);
        if length != 0 {
            let mut raw = RawSection::new_zeroed();
            raw.kind.set(kind.number());
            raw.flags.set(kind.flags());
            raw.offset.set(offset);
            raw.length.set(length);
            self.list.push((kind, raw));
            self.end = offset + length;
        }
        offset
    }

    /// Gives a section its real length, which is not longer than the one that it was pushed with, and
    /// returns how many bytes that leaves to nobody.
    pub(crate) fn shorten(&mut self, kind: SectionKind, length: u64) -> u64 {
        let mut left = 0;
        for (_, raw) in self.list.iter_mut().filter(|(other, _)| *other == kind) {
            left = raw.length.get().saturating_sub(length);
            raw.length.set(length);
        }
        self.list.retain(|(_, raw)| raw.length.get() != 0);
        left
    }

    /// The length of the sections that describe files, and of the superblock.
    pub(crate) fn metadata(&self) -> u64 {
        let described = self.list.iter().filter(|(kind, _)| kind.is_metadata());
        len64(SUPERBLOCK_SIZE) + described.map(|(_, raw)| raw.length.get()).sum::<u64>()
    }

    /// The length of the image.
    pub(crate) fn image_size(&self) -> u64 {
        round_up(self.end, 1 << self.page_shift)
    }

    /// Where a section begins, and its length; one that does not exist has none.
    pub(crate) fn range(&self, kind: SectionKind) -> (u64, u64) {
        let found = self.list.iter().find(|(other, _)| *other == kind);
        found.map_or((0, 0), |(_, raw)| (raw.offset.get(), raw.length.get()))
    }

    /// States the hashes of a section.
    pub(crate) fn hash(&mut self, kind: SectionKind, bytes: &[u8]) {
        for (_, raw) in self.list.iter_mut().filter(|(other, _)| *other == kind) {
            let mut hash = Sha256::new();
            hash.update(bytes);
            raw.xxh64.set(Xxh64::oneshot(bytes));
            raw.sha256 = hash.finish();
        }
    }

    /// The superblock, sealed.
    ///
    /// # Errors
    /// When the image is larger than the format allows.
    pub(crate) fn superblock(&self, options: &Options) -> Result<Sealed> {
        if self.image_size() > MAX_IMAGE_SIZE {
            let limit = "an image may have 2^48 bytes".to_owned();
            return Err(Error::Limit {
                path: options.source.clone(),
                limit,
            });
        }
        let mut raw = RawSuperblock::new_zeroed();
        raw.magic = MAGIC;
        raw.version_major.set(VERSION_MAJOR);
        raw.version_minor.set(VERSION_MINOR);
        raw.section_count
            .set(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        raw.image_size.set(self.image_size());
        raw.label = options.label;
        raw.page_shift = self.page_shift;
        raw.root.set(ROOT);
        for (to, (_, section)) in raw.sections.iter_mut().zip(&self.list) {
            *to = *section;
        }
        raw.uuid = options.uuid.unwrap_or_else(|| derived_uuid(&raw));
        raw.xxh64.set(raw.checksum::<Xxh64>());
        Ok(Sealed(raw))
    }
}

/// A UUID of version 8 (RFC 9562) that depends on all contents and nothing else.
fn derived_uuid(raw: &RawSuperblock) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(raw.as_bytes());
    let digest = hash.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .into_bytes()
}

/// A superblock that is complete.
pub(crate) struct Sealed(RawSuperblock);

impl Sealed {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn uuid(&self) -> [u8; 16] {
        self.0.uuid
    }

    /// The identity of the image.
    pub(crate) fn identity(&self) -> Identity {
        let mut copy = SuperblockCopy::zeroed();
        copy.as_mut_bytes().copy_from_slice(self.as_bytes());
        copy.identity::<Sha256>()
    }
}
