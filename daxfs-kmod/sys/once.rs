// SPDX-License-Identifier: GPL-2.0-only
//! Initialisation that happens once.

use kernel::error::{code, Result};
use kernel::sync::atomic::{AtomicFlag, Full};

/// Permission to initialise statics, given to the first who asks.
pub(crate) struct Once(AtomicFlag);

impl Once {
    /// Creates one whose permission is not taken.
    pub(crate) const fn new() -> Self {
        Self(AtomicFlag::new(false))
    }

    /// Takes the permission. Returns `EBUSY` on every call but the first.
    pub(crate) fn claim(&self) -> Result {
        match self.0.xchg(true, Full) {
            false => Ok(()),
            true => Err(code::EBUSY),
        }
    }
}
