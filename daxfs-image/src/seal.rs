// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checksums of an image in memory.
//!
//! A builder seals the image that it has built. A test seals an image that it has changed, so that
//! the change is found by the rule that it breaks and not by a checksum.

use daxfs_format::section::RawSection;
use daxfs_format::superblock::{RawSuperblock, SUPERBLOCK_SIZE};
use daxfs_format::{Sha256 as _, Xxh64 as _};
use zerocopy::FromBytes as _;

use crate::hash::{Sha256, Xxh64};

/// Recomputes the hashes of every section that states them, and the superblock's checksum, as far
/// as the table makes sense.
pub fn seal(image: &mut [u8]) {
    let Some((block, _)) = image.split_at_checked(SUPERBLOCK_SIZE) else {
        return;
    };
    let Ok(mut superblock) = RawSuperblock::read_from_bytes(block) else {
        return;
    };
    let count = usize::try_from(superblock.section_count.get()).unwrap_or(usize::MAX);
    for section in superblock.sections.iter_mut().take(count) {
        seal_section(image, section);
    }
    superblock.xxh64.set(superblock.checksum::<Xxh64>());
    image[..SUPERBLOCK_SIZE].copy_from_slice(zerocopy::IntoBytes::as_bytes(&superblock));
}

fn seal_section(image: &[u8], section: &mut RawSection) {
    if section.flags.get() & RawSection::HASHED == 0 {
        return;
    }
    let start = usize::try_from(section.offset.get()).unwrap_or(usize::MAX);
    let length = usize::try_from(section.length.get()).unwrap_or(usize::MAX);
    let bytes = start
        .checked_add(length)
        .and_then(|end| image.get(start..end));
    if let Some(bytes) = bytes {
        section.xxh64.set(Xxh64::oneshot(bytes));
        let mut digest = Sha256::new();
        digest.update(bytes);
        section.sha256 = digest.finish();
    }
}
