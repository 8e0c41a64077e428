// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists and gets attributes of an arbitrary xattr section.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| daxfs_hostile::fuzz::xattr(input));
