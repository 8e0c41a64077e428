// SPDX-License-Identifier: GPL-2.0-only
//! Statics and work that the memory of mounts needs.

use kernel::error::Result;

use super::deferred::{DeferredRange, Release, QUEUE};
use super::page::FLAGS;
use crate::sys::copy;
use crate::sys::deferred::DeferredWork;
use crate::sys::once::Once;

static ONCE: Once = Once::new();

/// The memory's part of the loaded module. All other functions of [`memory`](super) are for mounts
/// only: the registration of the file system type holds this for as long as there can be any.
pub(crate) struct Service {
    _release: DeferredWork<Release>,
}

impl Service {
    /// Prepares for mounts. Returns `EBUSY` on every call but the first.
    pub(crate) fn start() -> Result<Self> {
        ONCE.claim()?;
        copy::prepare();
        // SAFETY: `ONCE` makes this the only initialisation of both locks. They are used by maps
        // and by their release, and no map exists yet.
        unsafe {
            FLAGS.init();
            QUEUE.init();
        }
        Ok(Self { _release: DeferredWork::new()? })
    }

    /// Calls a function with each range that is in use after its unmount.
    pub(crate) fn deferred_ranges(visit: impl FnMut(&DeferredRange)) {
        QUEUE.lock().visit(visit);
    }
}
