// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images that lie, made from one that does not (on the host).

use anyhow::{Context, Result};
use xxhash_rust::xxh64::xxh64;

/// Offsets in a superblock, as in docs/format.md.
const SECTION_COUNT: usize = 12;
const IMAGE_SIZE: usize = 40;
const SECTIONS: usize = 192;
const SECTION: usize = 64;
const SECTION_OFFSET: usize = 8;
const SECTION_LENGTH: usize = 16;
const SECTION_SHA256: usize = 32;
const CHECKSUM: usize = 4088;

/// The stated length in bytes of the contents of the endless image.
const ENDLESS: u64 = 64 << 30;

/// The first section has another SHA-256 than the superblock states, and the checksum that it
/// states.
pub(crate) fn wrong_digest(mut image: Vec<u8>) -> Result<Vec<u8>> {
    let byte = image.get_mut(SECTIONS + SECTION_SHA256);
    *byte.context("no superblock")? ^= 1;
    seal(image)
}

/// The last section is longer than any memory.
pub(crate) fn endless(mut image: Vec<u8>) -> Result<Vec<u8>> {
    let count = image.get(SECTION_COUNT).copied().context("no superblock")?;
    let last = SECTIONS + SECTION * (usize::from(count) - 1);
    let end = number(&image, last + SECTION_OFFSET)? + ENDLESS;
    set_number(&mut image, last + SECTION_LENGTH, ENDLESS)?;
    set_number(&mut image, IMAGE_SIZE, end.next_multiple_of(4096))?;
    seal(image)
}

fn number(image: &[u8], at: usize) -> Result<u64> {
    let bytes = image.get(at..at + 8).context("a short image")?;
    Ok(u64::from_le_bytes(bytes.try_into()?))
}

fn set_number(image: &mut [u8], at: usize, value: u64) -> Result<()> {
    let bytes = image.get_mut(at..at + 8).context("a short image")?;
    bytes.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

/// Makes the checksum of the superblock right.
fn seal(mut image: Vec<u8>) -> Result<Vec<u8>> {
    let checksum = xxh64(image.get(..CHECKSUM).context("a short image")?, 0);
    set_number(&mut image, CHECKSUM, checksum)?;
    Ok(image)
}
