// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory that a thread reads files into, side by side as in the image.

use std::ops::Range;

use daxfs_format::Sha256 as _;
use daxfs_image::hash::Sha256;

use crate::error::Result;
use crate::num::{len64, to_usize};
use crate::plan::classes::SMALL;
use crate::plan::contents::Digest;
use crate::plan::offset::ImageOffset;
use crate::source::OpenFile;

/// Number of bytes of the image that a batch is meant to take. They stay in a processor's own cache
/// between reading, hashing and writing.
pub(super) const BATCH: u64 = 512 << 10;
/// Number of files of the largest batch.
pub(super) const FILES: usize = 512;

/// The memory of a thread.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    pub(super) slots: Vec<Slot>,
    hashes: Vec<Sha256>,
}

/// A file in the buffer.
pub(super) struct Slot {
    start: usize,
    size: usize,
    /// Number of bytes with the padding behind the file.
    room: usize,
    pub(super) digest: Digest,
    /// The offset at which it is to be written, if it is.
    pub(super) offset: Option<ImageOffset>,
}

impl Slot {
    /// The range of the file's bytes.
    pub(super) fn contents(&self) -> Range<usize> {
        self.start..self.start + self.size
    }

    /// The range of the file's bytes and the padding behind them.
    pub(super) fn padded(&self) -> Range<usize> {
        self.start..self.start + self.room
    }

    /// Size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        len64(self.size)
    }
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; to_usize(BATCH + SMALL)],
            slots: Vec::with_capacity(FILES),
            hashes: Vec::with_capacity(FILES),
        }
    }

    /// All of it, for large files.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes of a range.
    pub(super) fn range(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// Forgets the files.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Reads a whole file of `size` bytes behind the others, and fills its `room` with zeros.
    pub(super) fn read(&mut self, open: &dyn OpenFile, size: u64, room: u64) -> Result<()> {
        let start = self.slots.last().map_or(0, |slot| slot.padded().end);
        let (size, room) = (to_usize(size), to_usize(room));
        let (contents, padding) = self.bytes[start..start + room].split_at_mut(size);
        open.read(contents, 0)?;
        padding.fill(0);
        self.slots.push(Slot {
            start,
            size,
            room,
            digest: Digest::default(),
            offset: None,
        });
        Ok(())
    }

    /// Hashes the files.
    pub(super) fn hash(&mut self) {
        self.hashes.clear();
        self.hashes.resize_with(self.slots.len(), Sha256::new);
        let contents = self.slots.iter().map(|slot| &self.bytes[slot.contents()]);
        Sha256::update_all(self.hashes.iter_mut().zip(contents));
        for (slot, hash) in self.slots.iter_mut().zip(self.hashes.drain(..)) {
            slot.digest = hash.finish();
        }
    }

    /// The files with the contents of all.
    pub(super) fn slots_and_bytes(&mut self) -> (&mut [Slot], &[u8]) {
        (&mut self.slots, &self.bytes)
    }
}
