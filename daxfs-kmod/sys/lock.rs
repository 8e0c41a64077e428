// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's reader-writer semaphores.

use core::cell::UnsafeCell;
use core::marker::PhantomData;

use kernel::error::Result;
use kernel::prelude::*;

use super::raw;
use crate::num::to_usize;

/// A semaphore of ours.
///
/// # Invariants
/// It was initialised where it is, and has not moved since.
#[repr(transparent)]
pub(crate) struct Semaphore(UnsafeCell<raw::rw_semaphore>);

// SAFETY: A semaphore belongs to no thread.
unsafe impl Send for Semaphore {}
// SAFETY: Semaphores are there to be used by several threads at once.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// Waits until nobody holds it for writing.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_> {
        // SAFETY: By the invariant it is initialised; the guard borrows it.
        unsafe { ReadGuard::take(self.0.get()) }
    }

    /// Waits until nobody holds it.
    pub(crate) fn write(&self) -> WriteGuard<'_> {
        // SAFETY: As above.
        unsafe { WriteGuard::take(self.0.get()) }
    }
}

/// How many semaphores a table has.
const TABLE: usize = 64;

/// Semaphores for more things than there are semaphores.
pub(crate) struct SemaphoreTable(KBox<[Semaphore; TABLE]>);

impl SemaphoreTable {
    /// Allocates a table.
    pub(crate) fn new() -> Result<Self> {
        let mut table = KBox::<[Semaphore; TABLE]>::new_uninit(GFP_KERNEL)?;
        let first: *mut raw::rw_semaphore = table.as_mut_ptr().cast();
        for number in 0..TABLE {
            // SAFETY: The table has that many semaphores, one after another, on the heap.
            unsafe { raw::daxfs_semaphore_init(first.add(number)) };
        }
        // INVARIANT: All were initialised in the box, which does not move them.
        // SAFETY: As above.
        Ok(Self(unsafe { table.assume_init() }))
    }

    /// The semaphore of the thing with this number.
    #[inline]
    pub(crate) fn of(&self, number: u64) -> &Semaphore {
        // PANIC: The index is below the length of the array.
        &self.0[to_usize(number) % TABLE]
    }
}

/// A semaphore, held for reading.
pub(crate) struct ReadGuard<'a>(*mut raw::rw_semaphore, PhantomData<&'a Semaphore>);

impl ReadGuard<'_> {
    /// # Safety
    /// `semaphore` is initialised, and lives as long as the guard. The caller may sleep, and holds
    /// no lock that is taken under this one.
    #[inline]
    pub(crate) unsafe fn take(semaphore: *mut raw::rw_semaphore) -> Self {
        // SAFETY: By the contract of this function.
        unsafe { raw::down_read(semaphore) };
        Self(semaphore, PhantomData)
    }
}

impl Drop for ReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: It was taken for reading, by the same task: guards are not `Send`.
        unsafe { raw::up_read(self.0) };
    }
}

/// A semaphore, held for writing.
pub(crate) struct WriteGuard<'a>(*mut raw::rw_semaphore, PhantomData<&'a Semaphore>);

impl WriteGuard<'_> {
    /// # Safety
    /// As [`ReadGuard::take`].
    pub(crate) unsafe fn take(semaphore: *mut raw::rw_semaphore) -> Self {
        // SAFETY: By the contract of this function.
        unsafe { raw::down_write(semaphore) };
        Self(semaphore, PhantomData)
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: It was taken for writing, by the same task: guards are not `Send`.
        unsafe { raw::up_write(self.0) };
    }
}
