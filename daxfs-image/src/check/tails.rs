// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ends of files, deferred.
//!
//! The structural check reads the last page of every file, one read for each, which takes longer
//! than everything else together. None of its other rules depends on these bytes. So they read as
//! zeros at first, and two threads examine them later. If a byte is not zero, the check is repeated
//! with the bytes as they are.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use daxfs_format::check::{Outcome, Scratch};
use daxfs_format::memory::find_nonzero;
use daxfs_format::{Memory, ReadFault, Section, SectionKind};

use crate::file::{FileImage, FileMemory};

/// The number of ranges in a batch.
const BATCH: usize = 1024;
/// The largest number of waiting batches, of 16 KiB each. Further bytes are not deferred.
const WAITING: usize = 1024;

/// Ranges of an image, as offset and length in bytes.
type Batch = Vec<(u64, u64)>;

/// The deferred ranges.
#[derive(Default)]
pub(super) struct Tails {
    queue: Mutex<Queue>,
    changed: Condvar,
    nonzero: AtomicBool,
}

#[derive(Default)]
struct Queue {
    batches: Vec<Batch>,
    closed: bool,
}

impl Tails {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is a single call, so a panic leaves it whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch, or returns it if too many wait.
    fn push(&self, batch: Batch) -> Result<(), Batch> {
        let mut queue = self.lock();
        if queue.batches.len() >= WAITING {
            return Err(batch);
        }
        queue.batches.push(batch);
        drop(queue);
        self.changed.notify_one();
        Ok(())
    }

    /// Declares that no batch will be added any more.
    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next batch; `None` if there will be none.
    fn take(&self) -> Option<Batch> {
        let mut queue = self.lock();
        loop {
            match queue.batches.pop() {
                Some(batch) => return Some(batch),
                None if queue.closed => return None,
                None => {
                    let waited = self.changed.wait(queue);
                    queue = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Examines ranges until there are no more.
    pub(super) fn examine(&self, memory: &FileMemory) -> Outcome {
        let mut buffer = [0; Scratch::BUFFER];
        while let Some(batch) = self.take() {
            for (offset, length) in batch {
                if find_nonzero(memory, offset, length, &mut buffer)?.is_some() {
                    self.nonzero.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    /// Returns true if a byte was found that is not zero.
    pub(super) fn found_nonzero(&self) -> bool {
        self.nonzero.load(Ordering::Relaxed)
    }
}

/// A file whose data section reads as zeros, and that defers the ranges that were read. Dropping it
/// ends the deferral.
pub(super) struct Deferring<'a> {
    file: &'a FileMemory,
    data: Option<Section>,
    tails: &'a Tails,
    batch: RefCell<Batch>,
}

impl<'a> Deferring<'a> {
    pub(super) fn new(image: &'a FileImage, tails: &'a Tails) -> Self {
        let data = image.superblock().sections().get(SectionKind::Data);
        Self {
            file: image.memory(),
            data,
            tails,
            batch: RefCell::new(Vec::with_capacity(BATCH)),
        }
    }

    /// Passes on the last batch.
    pub(super) fn flush(&self) -> Outcome {
        let batch = self.batch.take();
        match self.tails.push(batch) {
            Ok(()) => Ok(()),
            Err(batch) => self.examine(batch),
        }
    }

    /// Examines a batch for which there was no room.
    fn examine(&self, batch: Batch) -> Outcome {
        let own = Tails::default();
        own.close();
        own.lock().batches.push(batch);
        own.examine(self.file)?;
        let nonzero = own.found_nonzero();
        self.tails.nonzero.fetch_or(nonzero, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Deferring<'_> {
    fn drop(&mut self) {
        self.tails.close();
    }
}

impl Memory for Deferring<'_> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let fault = ReadFault::of(offset, into);
        let holds = |data: &Section| data.holds(offset, fault.length);
        if !self.data.as_ref().is_some_and(holds) {
            return self.file.read(offset, into);
        }
        into.fill(0);
        let mut batch = self.batch.borrow_mut();
        batch.push((offset, fault.length));
        if batch.len() < BATCH {
            return Ok(());
        }
        drop(batch);
        self.flush().map_err(|_| fault)
    }
}
