// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files of a source that cannot be read: collected, so that an error names all of them, or left
//! out with a warning.

use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::options::Unreadable;
use crate::pool::{into_inner, lock};

/// The most files that an error names.
const MOST: usize = 20;

/// The files that a scan cannot read.
pub(crate) struct Problems<'a> {
    unreadable: Unreadable,
    observer: &'a dyn Observer,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    errors: Vec<Error>,
    more: u64,
}

impl<'a> Problems<'a> {
    /// No problems yet.
    pub(crate) fn new(unreadable: Unreadable, observer: &'a dyn Observer) -> Self {
        Self {
            unreadable,
            observer,
            found: Mutex::default(),
        }
    }

    /// Reports a file that cannot be read, or be in an image. The scan goes on without it. Files
    /// that cannot be in an image fail the build in any case.
    pub(crate) fn report(&self, error: Error) {
        if self.unreadable == Unreadable::LeaveOut && error.is_of_reading() {
            return self.observer.skipped(&error);
        }
        let mut found = lock(&self.found);
        if found.errors.len() < MOST {
            found.errors.push(error);
        } else {
            found.more += 1;
        }
    }

    /// The result of the scan.
    ///
    /// # Errors
    /// All problems in the order of their paths, up to a limit.
    pub(crate) fn finish(self) -> Result<()> {
        let Found { mut errors, more } = into_inner(self.found);
        errors.sort_by(|a, b| a.path().cmp(&b.path()));
        match errors.len() {
            0 => Ok(()),
            1 if more == 0 => errors.pop().map_or(Ok(()), Err),
            _ => Err(Error::Several { errors, more }),
        }
    }
}
