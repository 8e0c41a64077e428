// SPDX-License-Identifier: GPL-2.0-only
//! Delayed work. The module has one such work.

use core::cell::UnsafeCell;
use core::marker::PhantomData;

use kernel::error::Result;

use super::num::to_usize;
use super::once::Once;
use super::{raw, task};

/// A function that a worker thread calls; it may sleep.
pub(crate) trait Deferred: 'static {
    /// Does the work.
    fn run();
}

struct Cell(UnsafeCell<raw::delayed_work>);

// SAFETY: The cell is only passed to the kernel's functions for delayed work, which serialise their
// accesses.
unsafe impl Sync for Cell {}

static WORK: Cell = Cell(UnsafeCell::new(pin_init::zeroed()));
static ONCE: Once = Once::new();

/// The work, ready to be scheduled until this is dropped.
pub(crate) struct DeferredWork<D>(PhantomData<D>);

impl<D: Deferred> DeferredWork<D> {
    /// Initialises the work. Returns `EBUSY` on every call but the first.
    pub(crate) fn new() -> Result<Self> {
        ONCE.claim()?;
        // SAFETY: The work is a static, and `ONCE` makes this its only initialisation. It is not
        // scheduled before, since `schedule` demands a `DeferredWork`.
        unsafe { raw::daxfs_init_delayed_work(WORK.0.get(), Some(run::<D>)) };
        Ok(Self(PhantomData))
    }
}

impl<D> Drop for DeferredWork<D> {
    /// Waits until the function does not run and will not.
    fn drop(&mut self) {
        // SAFETY: `new` initialised the work.
        unsafe { raw::cancel_delayed_work_sync(WORK.0.get()) };
    }
}

unsafe extern "C" fn run<D: Deferred>(_work: *mut raw::work_struct) {
    D::run();
}

/// Has the work done in a number of seconds, and not at the time that was set before.
///
/// # Safety
/// A [`DeferredWork`] exists, and is dropped after this returns.
pub(crate) unsafe fn schedule(seconds: u64) {
    let ticks = to_usize(seconds).wrapping_mul(task::HZ.unsigned_abs());
    // SAFETY: The work was initialised, by the contract of this function.
    unsafe { raw::daxfs_schedule_delayed_work(WORK.0.get(), ticks) };
}
