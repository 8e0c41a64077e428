// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memories that count and change loads.

use std::cell::{Cell, RefCell};

use daxfs_format::{Memory, ReadFault};

use crate::num::{len64, to_usize};

/// The length of a word in bytes.
pub(super) const WORD: usize = 4;

/// The duration of a change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// At one load.
    Once,
    /// At one load and at those that follow.
    Lasting,
}

/// Memory in which one word changes at one load.
pub(super) struct Changing<'m> {
    pub(super) bytes: &'m [u8],
    pub(super) word: usize,
    pub(super) nth: u32,
    pub(super) value: [u8; WORD],
    pub(super) change: Change,
    pub(super) seen: Cell<u32>,
    pub(super) loads: Cell<u64>,
    pub(super) loaded: Cell<u64>,
}

impl Memory for Changing<'_> {
    fn size(&self) -> u64 {
        len64(self.bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        copy(self.bytes, offset, into);
        self.loads.set(self.loads.get() + 1);
        self.loaded.set(self.loaded.get() + len64(into));
        let start = to_usize(offset);
        let changed = self.word * WORD..(self.word + 1) * WORD;
        if changed.start >= start + into.len() || start >= changed.end {
            return Ok(());
        }
        let nth = self.seen.get();
        self.seen.set(nth + 1);
        let now = match self.change {
            Change::Once => nth == self.nth,
            Change::Lasting => nth >= self.nth,
        };
        if now {
            for (at, byte) in changed.zip(self.value) {
                if let Some(room) = at.checked_sub(start).and_then(|at| into.get_mut(at)) {
                    *room = byte;
                }
            }
        }
        Ok(())
    }
}

/// Memory that counts the loads of each word.
pub(super) struct Noting<'m> {
    pub(super) bytes: &'m [u8],
    pub(super) loads: RefCell<Vec<u32>>,
}

impl Memory for Noting<'_> {
    fn size(&self) -> u64 {
        len64(self.bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        copy(self.bytes, offset, into);
        let start = to_usize(offset);
        let words = start / WORD..(start + into.len()).div_ceil(WORD);
        for load in &mut self.loads.borrow_mut()[words] {
            *load += 1;
        }
        Ok(())
    }
}

/// Copies, and panics on a read outside the image.
fn copy(bytes: &[u8], offset: u64, into: &mut [u8]) {
    let length = into.len();
    let start = usize::try_from(offset).ok();
    let end = start.and_then(|start| start.checked_add(length));
    let range = start.zip(end).map(|(start, end)| start..end);
    let source = range.and_then(|range| bytes.get(range));
    let source = source.unwrap_or_else(|| panic!("{length} bytes at {offset:#x} are outside"));
    into.copy_from_slice(source);
}
