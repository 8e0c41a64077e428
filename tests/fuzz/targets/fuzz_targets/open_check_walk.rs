// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens, checks and walks an arbitrary image, which is sealed first.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|input: &[u8]| daxfs_hostile::fuzz::open_check_walk(input));

// Blind changes mostly hit contents and unused table entries; three in four go to a structure.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 4 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let random = spread(seed);
    let mut structure = [0; 64];
    let at = usize::try_from(random % 0xffff).unwrap_or(0) % size.max(1);
    let known = &data[at..size.min(at + structure.len())];
    structure[..known.len()].copy_from_slice(known);
    fuzzer_mutate(&mut structure, 64, 64);
    daxfs_hostile::fuzz::mutate_image(&mut data[..size], random, &structure);
    size
});

/// SplitMix64: 64 bits from the 32 that libFuzzer gives.
fn spread(seed: u32) -> u64 {
    let mut state = u64::from(seed).wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
