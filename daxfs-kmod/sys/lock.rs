// SPDX-License-Identifier: GPL-2.0-only
//! Reader-writer semaphores.

use core::cell::UnsafeCell;
use core::marker::PhantomData;

use kernel::error::Result;
use kernel::prelude::*;

use super::num::to_usize;
use super::raw;

/// A semaphore owned by this module.
///
/// # Invariants
/// It was initialised at its address, and has not moved since.
#[repr(transparent)]
pub(crate) struct Semaphore(UnsafeCell<raw::rw_semaphore>);

// SAFETY: A semaphore belongs to no thread.
unsafe impl Send for Semaphore {}
// SAFETY: The functions of semaphores synchronise the threads that call them.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// Waits until no writer holds it.
    #[inline]
    pub(crate) fn read(&self) -> ReadGuard<'_> {
        // SAFETY: By the invariant it is initialised; the guard borrows it.
        unsafe { ReadGuard::take(self.0.get()) }
    }

    /// Waits until no task holds it.
    pub(crate) fn write(&self) -> WriteGuard<'_> {
        // SAFETY: By the invariant it is initialised; the guard borrows it.
        unsafe { WriteGuard::take(self.0.get()) }
    }
}

/// Number of semaphores in a table.
const TABLE: usize = 64;

/// A table of semaphores, shared by more objects than it has semaphores.
pub(crate) struct SemaphoreTable(KBox<[Semaphore; TABLE]>);

impl SemaphoreTable {
    /// Allocates a table.
    pub(crate) fn new() -> Result<Self> {
        let mut table = KBox::<[Semaphore; TABLE]>::new_uninit(GFP_KERNEL)?;
        let first: *mut raw::rw_semaphore = table.as_mut_ptr().cast();
        for number in 0..TABLE {
            // SAFETY: The table has room for `TABLE` semaphores, one after the other, on the heap.
            unsafe { raw::daxfs_semaphore_init(first.add(number)) };
        }
        // INVARIANT: All were initialised in the box, which does not move them.
        // SAFETY: The loop above initialised every element of the array.
        Ok(Self(unsafe { table.assume_init() }))
    }

    /// Returns the semaphore of the object with this number.
    #[inline]
    pub(crate) fn of(&self, number: u64) -> &Semaphore {
        // PANIC: The index is below the length of the array.
        &self.0[to_usize(number) % TABLE]
    }
}

/// A semaphore, held for reading.
pub(crate) struct ReadGuard<'a>(*mut raw::rw_semaphore, PhantomData<&'a Semaphore>);

impl ReadGuard<'_> {
    /// Waits until no writer holds a semaphore.
    ///
    /// # Safety
    /// `semaphore` is initialised, and lives as long as the guard. The caller is in process
    /// context.
    #[inline]
    pub(super) unsafe fn take(semaphore: *mut raw::rw_semaphore) -> Self {
        // SAFETY: By the contract of this function.
        unsafe { raw::down_read(semaphore) };
        Self(semaphore, PhantomData)
    }
}

impl Drop for ReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `take` took it for reading, in the same task: guards are not `Send`.
        unsafe { raw::up_read(self.0) };
    }
}

/// A semaphore, held for writing.
pub(crate) struct WriteGuard<'a>(*mut raw::rw_semaphore, PhantomData<&'a Semaphore>);

impl WriteGuard<'_> {
    /// Waits until no task holds a semaphore.
    ///
    /// # Safety
    /// `semaphore` is initialised, and lives as long as the guard. The caller is in process
    /// context.
    pub(super) unsafe fn take(semaphore: *mut raw::rw_semaphore) -> Self {
        // SAFETY: By the contract of this function.
        unsafe { raw::down_write(semaphore) };
        Self(semaphore, PhantomData)
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: `take` took it for writing, in the same task: guards are not `Send`.
        unsafe { raw::up_write(self.0) };
    }
}
