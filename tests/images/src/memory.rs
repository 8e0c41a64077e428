// SPDX-License-Identifier: MIT OR Apache-2.0
//! A memory that counts reads, and panics on a read outside the image.

use std::cell::Cell;

use daxfs_format::{Memory, ReadFault};

use crate::num::{from_usize, len64, to_usize};

/// Memory that holds an image and watches its readers.
///
/// A reader validates an offset before it reads there. So a read outside the image panics, even
/// where a real memory would only refuse it: those bytes belong to others.
#[derive(Debug)]
pub struct Watched<'m> {
    bytes: &'m [u8],
    image_size: Cell<u64>,
    fuel: Cell<u64>,
    loads: Cell<u64>,
    loaded: Cell<u64>,
}

impl<'m> Watched<'m> {
    /// Memory over `bytes` that fails after `fuel` loads.
    #[must_use]
    pub fn new(bytes: &'m [u8], fuel: u64) -> Self {
        Self {
            bytes,
            image_size: Cell::new(len64(bytes)),
            fuel: Cell::new(fuel),
            loads: Cell::new(0),
            loaded: Cell::new(0),
        }
    }

    /// Limits reads to the image, once its size is known.
    pub fn limit(&self, image_size: u64) {
        self.image_size.set(image_size);
    }

    /// Fills up the fuel.
    pub fn refuel(&self, fuel: u64) {
        self.fuel.set(fuel);
    }

    /// The number of reads so far, and of all their bytes.
    #[must_use]
    pub fn loads(&self) -> (u64, u64) {
        (self.loads.get(), self.loaded.get())
    }
}

impl Memory for Watched<'_> {
    fn size(&self) -> u64 {
        len64(self.bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let length = from_usize(into.len());
        let end = offset.checked_add(length);
        let inside = end.is_some_and(|end| end <= self.image_size.get());
        assert!(
            inside,
            "{length} bytes at {offset:#x} are outside the image"
        );
        let left = self.fuel.get().checked_sub(1);
        self.fuel.set(left.ok_or(ReadFault { offset, length })?);
        self.loads.set(self.loads.get() + 1);
        self.loaded.set(self.loaded.get() + length);
        let start = to_usize(offset);
        into.copy_from_slice(&self.bytes[start..start + into.len()]);
        Ok(())
    }
}
