// SPDX-License-Identifier: MIT OR Apache-2.0
//! The extent lists of sparse files.
//!
//! ```text
//! 0  file_offset u64    8  offset u64
//! 16 length u64         24 reserved u64
//! ```
//!
//! A list ascends by file offset. Each extent is page aligned on both sides and ends at a page
//! boundary or with its file.

use core::mem::size_of;

use zerocopy::little_endian::U64;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Error, Finding, Object, Result};
use crate::ids::Ino;
use crate::kinds::SectionKind;
use crate::memory::{read_struct, Memory};
use crate::num::{is_aligned, round_up};
use crate::rule::Rule;
use crate::superblock::Superblock;

/// The length of an extent record in bytes.
pub const EXTENT_SIZE: u64 = 32;

/// An extent as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawExtent {
    /// The offset in the file, in bytes.
    pub file_offset: U64,
    /// The offset in the image, in bytes.
    pub offset: U64,
    /// Its length in bytes.
    pub length: U64,
    /// Zero.
    pub reserved_24: U64,
}

const _: () = assert!(size_of::<RawExtent>() == 32);

/// A contiguous part of a sparse file that has bytes.
///
/// # Invariants
/// `offset` and `length`, rounded up to pages, lie in the data section; both offsets are page
/// aligned; the extent ends within its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The offset in the file, in bytes.
    pub file_offset: u64,
    /// The offset in the image, in bytes.
    pub offset: u64,
    /// Its length in bytes, never 0.
    pub length: u64,
}

impl Extent {
    /// The file offset of the byte after the extent.
    #[must_use]
    pub fn file_end(&self) -> u64 {
        self.file_offset.saturating_add(self.length)
    }
}

/// The list of a sparse file's extents, by its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtentList {
    pub(crate) file: Ino,
    pub(crate) offset: u64,
    pub(crate) count: u32,
    pub(crate) pages: u32,
    pub(crate) size: u64,
}

impl ExtentList {
    /// The number of extents.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The number of pages of the data section that the extents take, as stated in the inode.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// The offset of the list in the image, in bytes; 0 if it is empty.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The offset of record `index` in the image.
    pub(crate) fn at(&self, index: u32) -> u64 {
        self.offset
            .saturating_add(u64::from(index).saturating_mul(EXTENT_SIZE))
    }

    pub(crate) fn finding(&self, index: u32, field: u64, rule: Rule, value: u64) -> Finding {
        let object = Object::Extent {
            file: self.file,
            index,
        };
        Finding::new(object, self.at(index).saturating_add(field), rule, value)
    }

    /// Copies out and validates the extent `index`, which is below `count`.
    pub(crate) fn read<M: Memory + ?Sized>(
        &self,
        memory: &M,
        image: &Superblock,
        index: u32,
    ) -> Result<Extent> {
        let raw: RawExtent = read_struct(memory, self.at(index))?;
        self.validate(&raw, image, index).map_err(Error::from)
    }

    fn validate(
        &self,
        raw: &RawExtent,
        image: &Superblock,
        index: u32,
    ) -> core::result::Result<Extent, Finding> {
        let (file_offset, offset) = (raw.file_offset.get(), raw.offset.get());
        let length = raw.length.get();
        if raw.reserved_24.get() != 0 {
            return Err(self.finding(index, 24, Rule::ExtentReserved, raw.reserved_24.get()));
        }
        let range = |field, value| self.finding(index, field, Rule::ExtentRange, value);
        let shift = image.page_shift();
        let end = file_offset
            .checked_add(length)
            .filter(|&end| end <= self.size && is_aligned(file_offset, shift))
            .ok_or(range(0, file_offset))?;
        if length == 0 || !(is_aligned(length, shift) || end == self.size) {
            return Err(range(16, length));
        }
        round_up(length, shift)
            .filter(|&pages| {
                let data = image.sections().get(SectionKind::Data);
                is_aligned(offset, shift) && data.is_some_and(|data| data.holds(offset, pages))
            })
            .ok_or(range(8, offset))?;
        Ok(Extent {
            file_offset,
            offset,
            length,
        })
    }
}
