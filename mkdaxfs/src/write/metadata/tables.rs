// SPDX-License-Identifier: MIT OR Apache-2.0
//! The xattr, extent and digest sections.

use daxfs_format::digest::{RawDigestHeader, ALGORITHM_SHA256, BLOCK_WHOLE};
use daxfs_format::extent::RawExtent;
use daxfs_format::xattr::{RawXattrHeader, RawXattrSet, HEADER_SIZE, SET_SIZE};
use zerocopy::IntoBytes as _;

use crate::num::{len64, to_usize};
use crate::options::PageSize;
use crate::plan::contents::{Contents, Numbering};
use crate::plan::extents::{DataExtent, SparseFiles};
use crate::plan::offset::ImageOffset;
use crate::plan::ordered::Ordered;
use crate::plan::sections::digests_length;

/// The bytes of the xattr section.
pub(super) fn xattrs(ordered: &Ordered<'_>) -> Vec<u8> {
    if ordered.sets.is_empty() {
        return Vec::new();
    }
    let sets = || ordered.sets.iter().map(|&set| ordered.tree.set(set));
    let count = u32::try_from(ordered.sets.len()).unwrap_or(u32::MAX);
    let header = RawXattrHeader {
        count: count.into(),
        reserved_4: [0; 12],
    };
    let mut bytes = Vec::with_capacity(to_usize(ordered.xattrs_length()));
    bytes.extend_from_slice(header.as_bytes());
    let mut offset = HEADER_SIZE + len64(ordered.sets.len()) * SET_SIZE;
    for set in sets() {
        let length = len64(set.len());
        bytes.extend_from_slice(raw_set(offset, length).as_bytes());
        offset += length;
    }
    for set in sets() {
        bytes.extend_from_slice(set);
    }
    bytes
}

/// The entry of a set. A section whose offsets do not fit 32 bits has been refused.
fn raw_set(offset: u64, length: u64) -> RawXattrSet {
    let field = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).into();
    RawXattrSet {
        offset: field(offset),
        length: field(length),
    }
}

/// The bytes of the extent section.
pub(super) fn extents(
    ordered: &Ordered<'_>,
    contents: &Contents,
    sparse: &SparseFiles,
    page: PageSize,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(to_usize(sparse.section_length()));
    for &node in &ordered.order {
        let (Some(list), Some(content)) = (sparse.extents(node), contents.of(node)) else {
            continue;
        };
        let mut offset = contents.get(content).location.offset();
        for extent in list {
            bytes.extend_from_slice(raw_extent(extent, offset).as_bytes());
            offset = offset.after(page.round_up(extent.length));
        }
    }
    bytes
}

fn raw_extent(extent: &DataExtent, offset: ImageOffset) -> RawExtent {
    RawExtent {
        file_offset: extent.offset.into(),
        offset: offset.0.into(),
        length: extent.length.into(),
        reserved_24: 0.into(),
    }
}

/// The bytes of the digest section. Without contents there is none.
pub(super) fn digests(contents: &Contents, numbering: &Numbering) -> Vec<u8> {
    let order = &numbering.order;
    if order.is_empty() {
        return Vec::new();
    }
    let header = RawDigestHeader {
        algorithm: ALGORITHM_SHA256.into(),
        block_size: BLOCK_WHOLE.into(),
        reserved_8: [0; 24],
    };
    let mut bytes = Vec::with_capacity(to_usize(digests_length(order.len())));
    bytes.extend_from_slice(header.as_bytes());
    for &content in order {
        bytes.extend_from_slice(&contents.get(content).digest);
    }
    bytes
}
