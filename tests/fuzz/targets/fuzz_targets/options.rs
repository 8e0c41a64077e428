// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parses options of mounts and of the tools.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_fuzztargets::options::options(input));
