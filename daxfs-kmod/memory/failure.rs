// SPDX-License-Identifier: GPL-2.0-only
//! Failures of the memory that the hardware reports.
//!
//! The kernel calls [`memory_failure`] for a page of a map. The page is marked, and the handler of
//! the range takes it out of all mappings. An access to it then faults, and gets SIGBUS; a read of it
//! fails. The other pages of the file are read and mapped as before, by small entries. Copies that
//! private writes made stay. References that others hold, such as pins of devices, cannot be taken
//! back.
//!
//! The kernel's own handler does not serve: it finds files by `folio->mapping`, which is null where
//! many files can share a page.

use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::{Arc, Mutex};
use kernel::types::Opaque;

use super::marks::mark;
use crate::sys::num::to_u64;
use crate::sys::raw;
use crate::sys::size::PAGE_SHIFT;

/// A handler of failures.
pub(crate) trait FailureHandler: Send + Sync {
    /// Takes `count` pages of the backing from page `first` on out of all mappings.
    fn pages_failed(&self, first: u64, count: u64);
}

/// The handler of failures of a range, which all its maps share.
#[pin_data]
pub(super) struct Route {
    /// Number of the first page of the range.
    first: u64,
    #[pin]
    handler: Mutex<Option<Arc<dyn FailureHandler>>>,
}

impl Route {
    /// Creates a route without a handler for the range that begins at `start`.
    pub(super) fn new(start: u64) -> Result<Arc<Self>> {
        let init = pin_init!(Self { first: start >> PAGE_SHIFT, handler <- new_mutex!(None) });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Sets the handler in place of one before.
    pub(super) fn set_handler(&self, handler: Arc<dyn FailureHandler>) {
        *self.handler.lock() = Some(handler);
    }
}

/// A page map as the kernel has it, with the route of its failures.
#[repr(C)]
pub(super) struct KernelMap {
    map: Opaque<raw::dev_pagemap>,
    route: Arc<Route>,
}

impl KernelMap {
    /// Allocates a map for `length` bytes from `start` on, of which the kernel does not know yet.
    pub(super) fn new(start: u64, length: u64, route: Arc<Route>) -> Result<Pin<KBox<Self>>> {
        let operations: &'static raw::dev_pagemap_ops = &OPERATIONS;
        let mut map = raw::dev_pagemap::default();
        map.type_ = raw::memory_type_MEMORY_DEVICE_GENERIC;
        map.nr_range = 1;
        map.ops = operations;
        // SAFETY: All variants of the union are integers, and the map has room for one range.
        unsafe {
            *map.__bindgen_anon_1.range.as_mut() = raw::range { start, end: start + (length - 1) };
        }
        Ok(KBox::pin(Self { map: Opaque::new(map), route }, GFP_KERNEL)?)
    }

    /// Returns the map as C takes it.
    pub(super) fn as_ptr(&self) -> *mut raw::dev_pagemap {
        self.map.get()
    }
}

const OPERATIONS: raw::dev_pagemap_ops = raw::dev_pagemap_ops {
    memory_failure: Some(memory_failure),
    ..pin_init::zeroed()
};

/// Handles `count` poisoned pages from `first` on. Returns 0 if the task that met one can continue,
/// and fault.
unsafe extern "C" fn memory_failure(
    map: *mut raw::dev_pagemap,
    first: c_ulong,
    count: c_ulong,
    flags: c_int,
) -> c_int {
    let (first, count) = (to_u64(first), to_u64(count));
    // SAFETY: The kernel passes a map with these operations, hence the first field of a
    // `KernelMap`. It holds a reference to the map, for which releasing it waits.
    let kernel_map = unsafe { &*map.cast::<KernelMap>() };
    // SAFETY: The pages belong to the map, which lives.
    unsafe { mark(first, count) };
    let route = &kernel_map.route;
    let handler = route.handler.lock().clone();
    if let Some(handler) = handler {
        handler.pages_failed(first.saturating_sub(route.first), count);
    }
    pr_err!("memory at {:#x} is poisoned\n", first << PAGE_SHIFT);
    // CAST: A flag, which is not the uppermost.
    if flags & raw::mf_flags_MF_MUST_KILL as c_int != 0 {
        // The task cannot continue where it was. The caller kills it for any error.
        return code::EBUSY.to_errno();
    }
    0
}
