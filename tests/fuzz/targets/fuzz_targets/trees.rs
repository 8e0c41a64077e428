// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passes an arbitrary tree through the tools.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_fuzztargets::trees::trees(input));
