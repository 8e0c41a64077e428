// SPDX-License-Identifier: MIT OR Apache-2.0
//! The section table: the sections of an image and their locations.
//!
//! ```text
//! 0  kind u32     4  flags u32     8  offset u64
//! 16 length u64   24 xxh64 u64
//! 32 sha256 [u8; 32]
//! ```
//!
//! An empty section does not exist. Sections ascend by kind, in the table as in the image, so that
//! the metadata come before the contents. A section of an unknown kind without the mandatory flag
//! obeys the same rules; only its contents are not interpreted.

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Finding, Object};
use crate::kinds::SectionKind;
use crate::limits::MAX_INO;
use crate::num::is_aligned;
use crate::rule::Rule;

/// An entry of the section table as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawSection {
    /// The kind, [`SectionKind`].
    pub kind: U32,
    /// [`Self::MANDATORY`] and [`Self::HASHED`].
    pub flags: U32,
    /// The offset of the section, in bytes from the start of the image.
    pub offset: U64,
    /// Its length in bytes.
    pub length: U64,
    /// XXH64 of the section, or zero without [`Self::HASHED`].
    pub xxh64: U64,
    /// SHA-256 of the section, or zeros without [`Self::HASHED`].
    pub sha256: [u8; 32],
}

const _: () = {
    assert!(size_of::<RawSection>() == 64);
    assert!(offset_of!(RawSection, offset) == 8);
    assert!(offset_of!(RawSection, length) == 16);
    assert!(offset_of!(RawSection, xxh64) == 24);
    assert!(offset_of!(RawSection, sha256) == 32);
};

impl RawSection {
    /// The flag of a section that a reader must know.
    pub const MANDATORY: u32 = 1;
    /// The flag of a section whose hashes the table states.
    pub const HASHED: u32 = 2;
}

impl SectionKind {
    /// The flags that a section of this kind has.
    #[must_use]
    pub const fn flags(self) -> u32 {
        match self {
            Self::Digests => RawSection::HASHED,
            Self::Packed | Self::Data => RawSection::MANDATORY,
            _ => RawSection::MANDATORY | RawSection::HASHED,
        }
    }
}

/// A section of a known kind.
///
/// # Invariants
/// It lies within the image. Offset and length are such as its kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The kind.
    pub kind: SectionKind,
    /// The offset, in bytes from the start of the image.
    pub offset: u64,
    /// Its length in bytes, never 0.
    pub length: u64,
}

impl Section {
    /// The offset of the byte after the section.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// Returns true if `length` bytes at the image offset `offset` lie in the section.
    #[must_use]
    pub fn holds(&self, offset: u64, length: u64) -> bool {
        offset >= self.offset
            && offset
                .checked_add(length)
                .is_some_and(|end| end <= self.end())
    }
}

/// The sections of the known kinds.
///
/// # Invariants
/// Those of [`Section`], for each range with a length.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    /// Offset and length, by [`SectionKind::slot`]; no length, no section.
    ranges: [(u64, u64); SectionKind::ALL.len()],
}

impl Sections {
    /// The section of a kind, if the image has one.
    #[must_use]
    pub fn get(&self, kind: SectionKind) -> Option<Section> {
        let (offset, length) = self.range(kind);
        (length != 0).then_some(Section {
            kind,
            offset,
            length,
        })
    }

    /// The sections, in ascending order of their kinds' numbers.
    pub fn iter(&self) -> impl Iterator<Item = Section> + '_ {
        SectionKind::ALL
            .into_iter()
            .filter_map(|kind| self.get(kind))
    }

    /// The offset and length of a section; the length is 0 if it does not exist.
    #[inline]
    pub(crate) fn range(&self, kind: SectionKind) -> (u64, u64) {
        self.ranges.get(kind.slot()).copied().unwrap_or_default()
    }
}

/// Validates the table, entry by entry in ascending order, and collects the known sections.
#[derive(Debug)]
pub(crate) struct SectionTable {
    sections: Sections,
    page_shift: u32,
    image_size: u64,
    end: u64,
    kind: u32,
}

impl SectionTable {
    /// A table of an image of `image_size` bytes whose first section begins after `start` bytes.
    pub(crate) fn new(start: u64, page_shift: u32, image_size: u64) -> Self {
        Self {
            sections: Sections::default(),
            page_shift,
            image_size,
            end: start,
            kind: 0,
        }
    }

    /// The offset of the byte after the last section.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The sections of known kinds.
    pub(crate) fn into_sections(self) -> Sections {
        self.sections
    }

    /// Validates the entry `index`, whose bytes begin at `at` in the image.
    pub(crate) fn push(&mut self, index: u32, at: u64, raw: &RawSection) -> Result<(), Finding> {
        let entry = Entry { index, at, raw };
        let (kind, flags) = (raw.kind.get(), raw.flags.get());
        let known = SectionKind::from_number(kind);
        if known.is_none() && flags & RawSection::MANDATORY != 0 {
            return Err(entry.fail(0, Rule::SectionUnknown, kind.into()));
        }
        if kind <= self.kind {
            let twice = kind == self.kind && kind != 0;
            let rule = if twice {
                Rule::SectionDuplicate
            } else {
                Rule::SectionOrder
            };
            return Err(entry.fail(0, rule, kind.into()));
        }
        let (offset, length) = (raw.offset.get(), raw.length.get());
        let end = offset
            .checked_add(length)
            .filter(|&end| end <= self.image_size);
        let end = end.ok_or_else(|| entry.fail(8, Rule::SectionBounds, offset))?;
        if offset < self.end {
            return Err(entry.fail(8, Rule::SectionOrder, offset));
        }
        if length == 0 {
            return Err(entry.fail(16, Rule::SectionLength, length));
        }
        entry.check_hashes()?;
        if let Some(kind) = known {
            self.push_known(kind, &entry)?;
        }
        (self.kind, self.end) = (kind, end);
        Ok(())
    }

    fn push_known(&mut self, kind: SectionKind, entry: &Entry<'_>) -> Result<(), Finding> {
        let raw = entry.raw;
        let (offset, length, flags) = (raw.offset.get(), raw.length.get(), raw.flags.get());
        if flags != kind.flags() {
            return Err(entry.fail(4, Rule::SectionFlags, flags.into()));
        }
        if !is_aligned(offset, kind.align_shift(self.page_shift)) {
            return Err(entry.fail(8, Rule::SectionAlignment, offset));
        }
        let allowed = match kind {
            SectionKind::Inodes => INODE_SECTION_LENGTHS.contains(&length),
            _ => true,
        };
        if !allowed || !is_aligned(length, kind.length_shift(self.page_shift)) {
            return Err(entry.fail(16, Rule::SectionLength, length));
        }
        if let Some(range) = self.sections.ranges.get_mut(kind.slot()) {
            *range = (offset, length);
        }
        Ok(())
    }
}

/// The inode section holds inode 0, the root, and no inode above [`MAX_INO`].
const INODE_SECTION_LENGTHS: core::ops::RangeInclusive<u64> = 128..=1 << 37;

const _: () = assert!(*INODE_SECTION_LENGTHS.end() >> 6 == 1 << 31 && MAX_INO == (1 << 31) - 1);

/// An entry of the table under validation.
struct Entry<'a> {
    index: u32,
    at: u64,
    raw: &'a RawSection,
}

impl Entry<'_> {
    fn fail(&self, field: u64, rule: Rule, value: u64) -> Finding {
        let object = Object::SectionEntry(self.index);
        Finding::new(object, self.at.saturating_add(field), rule, value)
    }

    fn check_hashes(&self) -> Result<(), Finding> {
        let flags = self.raw.flags.get();
        if flags & !(RawSection::MANDATORY | RawSection::HASHED) != 0 {
            return Err(self.fail(4, Rule::SectionFlags, flags.into()));
        }
        if flags & RawSection::HASHED != 0 {
            return Ok(());
        }
        if self.raw.xxh64.get() != 0 {
            return Err(self.fail(24, Rule::SectionHash, self.raw.xxh64.get()));
        }
        let (object, at) = (Object::SectionEntry(self.index), self.at.saturating_add(32));
        Finding::require_zero(object, Rule::SectionHash, at, &self.raw.sha256)
    }
}
