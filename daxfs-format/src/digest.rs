// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents and the digests that name them.
//!
//! Every regular file with bytes has a content number. Files with the same number share their bytes.
//! The digest section, where there is one, is an array of 32-byte slots: the header in slot 0, then
//! the digest of content N in slot N.
//!
//! ```text
//! 0  algorithm u32    4  block_size u32    8  reserved [u8; 24]
//! ```

use core::fmt;
use core::mem::size_of;
use core::num::NonZeroU32;

use zerocopy::little_endian::U32;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Finding, Object, Result};
use crate::extent::Extent;
use crate::hash::{Sha256, Xxh64};
use crate::image::Image;
use crate::inode::FileData;
use crate::memory::{for_each_chunk, Memory};
use crate::num::offsets_from;
use crate::rule::Rule;
use crate::section::SectionKind;

/// The length of a slot of the digest section in bytes.
pub const DIGEST_SIZE: u64 = 32;

/// The first slot of the digest section.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawDigestHeader {
    /// [`ALGORITHM_SHA256`].
    pub algorithm: U32,
    /// What one digest covers: [`BLOCK_WHOLE`].
    pub block_size: U32,
    /// Zero.
    pub reserved_8: [u8; 24],
}

const _: () = assert!(size_of::<RawDigestHeader>() == 32);

impl RawDigestHeader {
    /// Checks that digests are of the kind that is known. `at` is the header's place in the image.
    pub(crate) fn validate(&self, at: u64) -> Result<()> {
        let fail = |field: u64, value| Finding {
            object: Object::Section(SectionKind::Digests),
            offset: at.saturating_add(field),
            rule: Rule::DigestHeader,
            value,
        };
        if self.algorithm.get() != ALGORITHM_SHA256 {
            return Err(fail(0, self.algorithm.get().into()).into());
        }
        if self.block_size.get() != BLOCK_WHOLE {
            return Err(fail(4, self.block_size.get().into()).into());
        }
        match offsets_from(8)
            .zip(&self.reserved_8)
            .find(|&(_, &byte)| byte != 0)
        {
            Some((field, &byte)) => Err(fail(field, byte.into()).into()),
            None => Ok(()),
        }
    }
}

/// SHA-256.
pub const ALGORITHM_SHA256: u32 = 1;

/// A digest covers the whole content.
pub const BLOCK_WHOLE: u32 = 0;

/// The number of a content, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(NonZeroU32);

impl ContentId {
    /// The content with this number; 0 is none.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The digest of a content, read through `buffer`.
///
/// It is the SHA-256 of the bytes. For a sparse file it is the SHA-256 of its size, and then for each
/// extent of file offset, length and bytes, numbers as 64-bit little-endian: holes of any length cost
/// nothing, and two files have one digest only if their holes agree too.
///
/// # Errors
/// A rule that an extent breaks, or the memory's own.
pub fn content_digest<S: Sha256, M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    data: &FileData,
    size: u64,
    buffer: &mut [u8],
) -> Result<[u8; 32]> {
    let mut hash = S::new();
    match *data {
        FileData::Empty => {}
        FileData::Direct { offset } | FileData::Packed { offset } => {
            for_each_chunk(image.memory(), offset, size, buffer, |chunk| {
                hash.update(chunk);
            })?;
        }
        FileData::Sparse(list) => {
            hash.update(&size.to_le_bytes());
            // Extents that lie apart fit the data section together. Those that do not could make the
            // digest of a small image take days.
            let (_, mut left) = image.superblock().sections().range(SectionKind::Data);
            for index in 0..list.count() {
                if let Some(extent) = image.extent(&list, index)? {
                    let overlap = list.finding(index, 16, Rule::ContentOverlap, extent.length);
                    left = left.checked_sub(extent.length).ok_or(overlap)?;
                    hash.update(&extent_header(&extent));
                    let (offset, length) = (extent.offset, extent.length);
                    for_each_chunk(image.memory(), offset, length, buffer, |chunk| {
                        hash.update(chunk);
                    })?;
                }
            }
        }
    }
    Ok(hash.finish())
}

/// What the digest of a sparse file takes before the bytes of an extent.
#[must_use]
pub fn extent_header(extent: &Extent) -> [u8; 16] {
    let mut header = [0; 16];
    let (offset, length) = header.split_at_mut(8);
    offset.copy_from_slice(&extent.file_offset.to_le_bytes());
    length.copy_from_slice(&extent.length.to_le_bytes());
    header
}
