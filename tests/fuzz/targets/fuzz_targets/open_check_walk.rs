// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens, checks and walks an arbitrary image, which is sealed first.
#![no_main]

use daxfs_test_random::mix;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|input: &[u8]| daxfs_hostile::fuzz::open_check_walk(input));

// Changes at random mostly hit contents and unused table entries; three in four go to a structure.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 4 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let random = mix(seed.into());
    let mut structure = [0; 64];
    let at = usize::try_from(random % 0xffff).unwrap_or(0) % size.max(1);
    let known = &data[at..size.min(at + structure.len())];
    structure[..known.len()].copy_from_slice(known);
    fuzzer_mutate(&mut structure, 64, 64);
    daxfs_hostile::fuzz::mutate_image(&mut data[..size], random, &structure);
    size
});
