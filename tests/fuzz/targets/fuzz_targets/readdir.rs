// SPDX-License-Identifier: MIT OR Apache-2.0
//! Iterates over an arbitrary directory unit from an arbitrary cookie.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_hostile::fuzz::readdir(input));
