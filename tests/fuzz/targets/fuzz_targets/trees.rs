// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes a tree that it makes up through the tools.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_fuzztargets::trees::trees(input));
