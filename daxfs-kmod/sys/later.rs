// SPDX-License-Identifier: GPL-2.0-only
//! Work of this module that is done later.

use core::cell::UnsafeCell;

use super::raw;
use crate::num::to_usize;

/// The function that is called later; it may sleep.
pub(crate) type Function = unsafe extern "C" fn(*mut raw::work_struct);

struct Work(UnsafeCell<raw::delayed_work>);

// SAFETY: The kernel's functions, which alone use the cell, serialise themselves.
unsafe impl Sync for Work {}

static WORK: Work = Work(UnsafeCell::new(pin_init::zeroed()));

/// What can be done later, as long as the module is loaded: there is one such thing.
pub(crate) struct Later(());

impl Later {
    /// Prepares for calling `function`.
    ///
    /// # Safety
    /// This is called once, before [`schedule`], and the value lives until the module goes.
    pub(crate) unsafe fn prepare(function: Function) -> Self {
        // SAFETY: The work is ours, and nobody uses it yet.
        unsafe { raw::daxfs_init_delayed_work(WORK.0.get(), Some(function)) };
        Self(())
    }
}

impl Drop for Later {
    /// Waits until the function does not run and will not.
    fn drop(&mut self) {
        // SAFETY: The work was initialised.
        unsafe { raw::cancel_delayed_work_sync(WORK.0.get()) };
    }
}

/// Has the function called in so many seconds, whatever was arranged before.
///
/// # Safety
/// A [`Later`] lives.
pub(crate) unsafe fn schedule(seconds: u64) {
    let ticks = to_usize(seconds).wrapping_mul(raw::DAXFS_HZ.unsigned_abs());
    // SAFETY: The work was initialised.
    unsafe { raw::daxfs_schedule_delayed_work(WORK.0.get(), ticks) };
}
