// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents that identify file and offset: every eight bytes are a function of a file's seed and of
//! their offset.

use anyhow::{ensure, Result};

/// The eight bytes at offset `8 * index` of the file with this seed.
fn word(seed: u64, index: u64) -> u64 {
    let mut x =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    x.wrapping_mul(0x94d0_49bb_1331_11eb) | 1
}

/// `length` bytes of the file with this seed, from `offset` on.
pub(crate) fn bytes(seed: u64, offset: u64, length: usize) -> Vec<u8> {
    let first = offset / 8;
    let skip = usize::try_from(offset % 8).unwrap_or(0);
    let words = (skip + length).div_ceil(8);
    let mut out: Vec<u8> = (first..)
        .take(words)
        .flat_map(|i| word(seed, i).to_le_bytes())
        .collect();
    out.drain(..skip);
    out.truncate(length);
    out
}

/// Fails unless `found` is what the file with this seed has at `offset`.
pub(crate) fn expect(found: &[u8], seed: u64, offset: u64) -> Result<()> {
    let wanted = bytes(seed, offset, found.len());
    let differs = found.iter().zip(&wanted).position(|(a, b)| a != b);
    ensure!(
        differs.is_none(),
        "content differs at offset {} of seed {seed}",
        offset + u64::try_from(differs.unwrap_or(0))?
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_agree_with_the_whole() {
        let whole = bytes(7, 0, 100);
        assert_eq!(bytes(7, 13, 40), whole[13..53]);
        assert!(expect(&whole[13..53], 7, 13).is_ok());
        assert!(expect(&whole[13..53], 7, 12).is_err());
        assert!(expect(&whole[13..53], 8, 13).is_err());
    }
}
