// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing to the disk while more bytes come.

use std::fs::File;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use crate::num::len64;
use crate::pool::lock;

/// Number of bytes that are worth a call.
const ENOUGH: u64 = 64 << 20;

/// Bytes that have been written and that the disk may not have.
#[derive(Debug, Default)]
pub(super) struct Behind {
    state: Mutex<State>,
    changed: Condvar,
    /// An error of the disk. The system reports it once, to the call that waits for the disk first.
    failure: Mutex<Option<io::Error>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    stopped: bool,
}

impl Behind {
    /// Counts bytes that have been written.
    pub(super) fn add(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.bytes += len64(bytes);
        if state.bytes >= ENOUGH {
            self.changed.notify_all();
        }
    }

    /// Does `work` while another thread writes to the disk. If there is none, the end takes longer.
    pub(super) fn run<T>(&self, file: &File, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            let _ = thread::Builder::new().spawn_scoped(scope, || self.sync(file));
            let result = work();
            self.stop();
            result
        })
    }

    /// Takes the error of the disk that has occurred meanwhile.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        lock(&self.failure).take()
    }

    fn sync(&self, file: &File) {
        while self.wait() {
            if let Err(error) = file.sync_data() {
                *lock(&self.failure) = Some(error);
                return;
            }
        }
    }

    fn stop(&self) {
        lock(&self.state).stopped = true;
        self.changed.notify_all();
    }

    /// Waits until there are enough bytes, or returns false when no more come.
    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        while state.bytes < ENOUGH && !state.stopped {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes = 0;
        !state.stopped
    }
}
