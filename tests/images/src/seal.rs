// SPDX-License-Identifier: MIT OR Apache-2.0
//! The seal of the superblock alone, for code that changes many images.

use daxfs_format::superblock::{RawSuperblock, SUPERBLOCK_SIZE};
use daxfs_image::hash::Xxh64;
use zerocopy::FromBytes as _;

/// Recomputes the checksum of the superblock and nothing else. Readers and the check of the
/// structure do not read the hashes of sections.
pub fn seal_superblock(image: &mut [u8]) {
    let Some((block, _)) = image.split_at_mut_checked(SUPERBLOCK_SIZE) else {
        return;
    };
    if let Ok(superblock) = RawSuperblock::mut_from_bytes(block) {
        superblock.xxh64.set(superblock.checksum::<Xxh64>());
    }
}
