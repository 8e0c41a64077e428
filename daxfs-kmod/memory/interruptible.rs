// SPDX-License-Identifier: GPL-2.0-only
//! A backing as long checks read it: they let other tasks run, and end when the task is killed.

use core::cell::Cell;

use daxfs_format::{Memory, ReadFault};
use kernel::error::{code, Error};
use kernel::sync::atomic::{AtomicFlag, Relaxed};

use super::backing::Backing;
use crate::sys::num::to_u64;
use crate::sys::task::{is_killed, reschedule_or_stop};

/// A backing whose reads let other tasks run from time to time, and fail when the task is killed.
pub(crate) struct Interruptible<'a> {
    backing: &'a Backing,
    /// Ends the reads if it is set.
    stop: Option<&'a AtomicFlag>,
    /// Number of bytes that were read since other tasks could last run.
    read: Cell<u64>,
}

/// Number of bytes after which other tasks may run.
const STRIDE: u64 = 1 << 20;

impl<'a> Interruptible<'a> {
    /// Wraps a backing. Reads happen in process context, without spinlocks.
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing, stop: None, read: Cell::new(0) }
    }

    /// Has the reads fail after the flag is set.
    pub(crate) fn until(self, stop: &'a AtomicFlag) -> Self {
        Self { stop: Some(stop), ..self }
    }

    fn is_stopped(&self) -> bool {
        reschedule_or_stop().is_err() || self.stop.is_some_and(|stop| stop.load(Relaxed))
    }
}

impl Memory for Interruptible<'_> {
    fn size(&self) -> u64 {
        self.backing.size()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let read = self.read.get().saturating_add(to_u64(into.len()));
        self.read.set(read % STRIDE);
        if read >= STRIDE && self.is_stopped() {
            return Err(ReadFault::of(offset, into));
        }
        self.backing.read(offset, into)
    }
}

/// Returns the error number for a read that failed: the task was killed, or else the memory failed.
pub(crate) fn read_failure() -> Error {
    if is_killed() {
        code::EINTR
    } else {
        code::EIO
    }
}
