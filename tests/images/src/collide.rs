// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names with a given hash.
//!
//! XXH64 has no secret key, and over eight bytes it is a bijection: an image may hold any number of
//! names with one hash. Lookup and iteration must handle them.

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;
const P4: u64 = 0x85eb_ca77_c2b2_ae63;
const P5: u64 = 0x27d4_eb2f_1656_67c5;

/// Names of eight bytes each that all hash to `hash`, and that a directory may hold.
pub fn names_with_hash(hash: u32) -> impl Iterator<Item = [u8; 8]> {
    (0..=u32::MAX)
        .map(move |high| preimage(u64::from(high) << 32 | u64::from(hash)))
        .filter(|name| daxfs_format::directory::is_valid_name(name))
}

/// The eight bytes whose XXH64 is `hash`: every step of the function, backwards.
fn preimage(hash: u64) -> [u8; 8] {
    let mut state = hash;
    state ^= state >> 32;
    state = state.wrapping_mul(inverse(P3));
    state ^= (state >> 29) ^ (state >> 58);
    state = state.wrapping_mul(inverse(P2));
    state ^= state >> 33;
    state = state.wrapping_sub(P4).wrapping_mul(inverse(P1));
    state = state.rotate_right(27) ^ P5.wrapping_add(8);
    state = state.wrapping_mul(inverse(P1)).rotate_right(31);
    state.wrapping_mul(inverse(P2)).to_le_bytes()
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration: each step doubles the bits.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |guess, _| {
        guess.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(guess)))
    })
}

#[cfg(test)]
mod tests {
    use daxfs_format::NameHash;
    use daxfs_image::hash::Xxh64;

    #[test]
    fn the_names_have_the_hash_and_differ() {
        for hash in [0, 1, 0x1234_5678, u32::MAX] {
            let names: Vec<_> = super::names_with_hash(hash).take(100).collect();
            for name in &names {
                assert_eq!(NameHash::of::<Xxh64>(name), NameHash(hash));
            }
            let mut distinct = names.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), names.len());
        }
    }
}
