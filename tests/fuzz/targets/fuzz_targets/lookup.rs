// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks a name up in an arbitrary directory unit.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_hostile::fuzz::lookup(input));
