// SPDX-License-Identifier: MIT OR Apache-2.0
//! The digest that names a content, computed from its bytes.

use crate::error::Result;
use crate::extent::Extent;
use crate::hash::{Sha256, Xxh64};
use crate::image::Image;
use crate::inode::FileData;
use crate::kinds::SectionKind;
use crate::memory::{for_each_chunk, Memory};
use crate::rule::Rule;

/// The digest of a content, read through `buffer`.
///
/// It is the SHA-256 of the bytes. For a sparse file it is the SHA-256 of its size, followed by
/// file offset, length and bytes of each extent, numbers as 64-bit little-endian. Holes of any
/// length cost nothing, and two files have the same digest only if their holes agree too.
///
/// # Errors
/// A rule that an extent breaks, or a fault of the memory.
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
            // Extents that do not overlap fit the data section together. Overlapping ones could
            // make the digest of a small image take days.
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

/// The bytes that the digest of a sparse file takes before those of an extent.
#[must_use]
pub fn extent_header(extent: &Extent) -> [u8; 16] {
    let mut header = [0; 16];
    let (offset, length) = header.split_at_mut(8);
    offset.copy_from_slice(&extent.file_offset.to_le_bytes());
    length.copy_from_slice(&extent.length.to_le_bytes());
    header
}
