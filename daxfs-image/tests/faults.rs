// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults of an image file that shrinks.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs::{self, File};
use std::path::Path;

use daxfs_format::{Memory as _, ReadFault};
use daxfs_image::file::FileMemory;

/// The cache reads whole chunks of 64 KiB, and a chunk that is gone is named.
#[test]
fn a_fault_names_the_chunk_that_could_not_be_read() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shrinks");
    fs::write(&path, vec![1; 200_000]).unwrap();
    let memory = FileMemory::open(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(100_000).unwrap();
    let fault = memory.read(150_000, &mut [0; 10]).unwrap_err();
    let (offset, length) = (131_072, 65_536);
    assert_eq!(fault, ReadFault { offset, length });
    assert!(memory.take_error().is_some());
}
