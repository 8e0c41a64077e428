// SPDX-License-Identifier: GPL-2.0-only
//! Work that a worker thread does once for an object.

use core::cell::UnsafeCell;

use kernel::error::Result;
use kernel::prelude::*;

use super::raw;

/// An object that has work done.
pub(crate) trait Background: Send + Sync + 'static {
    /// Does the work, in process context. May sleep.
    fn run(&self);

    /// Asks the work to end early.
    fn stop(&self);
}

#[repr(C)]
struct Item<T> {
    work: UnsafeCell<raw::delayed_work>,
    value: T,
}

/// An object whose work does not run any more when this is dropped.
///
/// # Invariants
/// The work is initialised, and stays at its address.
pub(crate) struct BackgroundWork<T: Background>(Pin<KBox<Item<T>>>);

// SAFETY: The work is only passed to the kernel's functions for delayed work, which serialise their
// accesses; `T` may be sent and shared.
unsafe impl<T: Background> Send for BackgroundWork<T> {}
// SAFETY: As for `Send`: a shared value gives out `&T`, and passes the work to such functions.
unsafe impl<T: Background> Sync for BackgroundWork<T> {}

impl<T: Background> BackgroundWork<T> {
    /// Wraps an object, whose work is not done yet.
    pub(crate) fn new(value: T) -> Result<Self> {
        let item = Item { work: UnsafeCell::new(pin_init::zeroed()), value };
        let item = KBox::pin(item, GFP_KERNEL)?;
        // SAFETY: The work is new, and nothing else uses it; the box does not move it.
        unsafe { raw::daxfs_init_delayed_work(item.work.get(), Some(run::<T>)) };
        // INVARIANT: It was just initialised.
        Ok(Self(item))
    }

    /// Returns the object.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        &self.0.value
    }

    /// Has the work done soon.
    pub(crate) fn start(&self) {
        // SAFETY: By the invariant the work is initialised. It is cancelled before it is freed.
        unsafe { raw::daxfs_schedule_delayed_work(self.0.work.get(), 0) };
    }
}

impl<T: Background> Drop for BackgroundWork<T> {
    /// Waits until the work does not run and will not.
    fn drop(&mut self) {
        self.0.value.stop();
        // SAFETY: By the invariant the work is initialised.
        unsafe { raw::cancel_delayed_work_sync(self.0.work.get()) };
    }
}

unsafe extern "C" fn run<T: Background>(work: *mut raw::work_struct) {
    // SAFETY: The kernel passes the first field of the `delayed_work` that is the first field of an
    // item of `T`, which is not freed before the work has ended. Only the object is borrowed.
    let value = unsafe { &(*work.cast::<Item<T>>()).value };
    value.run();
}
