// SPDX-License-Identifier: GPL-2.0-only
//! Superblocks, and their state.

use core::marker::PhantomData;

use kernel::error::code;
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::{Arc, Mutex, SetOnce};
use kernel::types::Opaque;

use super::status::MountDirectory;
use super::FileSystem;
use crate::sys::raw;

/// State at which `s_fs_info` of a superblock points. It exists before the image is open, so that
/// two mounts with one key find each other.
pub(super) struct Info<F: FileSystem> {
    pub(super) key: F::Key,
    pub(super) mount: SetOnce<F::Mount>,
    /// The reference for those that do not hold the superblock, if one was asked for.
    pub(super) weak: SetOnce<Arc<WeakSuperblock<F>>>,
    /// The directory in sysfs, from the end of the first mount on.
    pub(super) directory: SetOnce<MountDirectory<F>>,
}

/// A superblock of the file system `F`.
///
/// # Invariants
/// A reference is to a valid superblock whose `s_fs_info` points to an [`Info<F>`], and which is
/// not shut down while the reference lives: a task holds an inode, a dentry or an active
/// reference of it, or its `s_umount`.
#[repr(transparent)]
pub(crate) struct Superblock<F>(Opaque<raw::super_block>, PhantomData<F>);

impl<F: FileSystem> Superblock<F> {
    /// Creates a reference from C's.
    ///
    /// # Safety
    /// `sb` is a superblock of `F`, and is not shut down for `'a`: see the invariants.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(sb: *const raw::super_block) -> &'a Self {
        // INVARIANT: By the contract of this function.
        // SAFETY: The superblock is valid by that contract; the type is transparent.
        unsafe { &*sb.cast() }
    }

    /// Returns the superblock as C takes it.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut raw::super_block {
        self.0.get()
    }

    /// Returns the state of the superblock of this address.
    ///
    /// # Safety
    /// `sb` is a superblock of `F` that was not freed.
    #[inline]
    pub(super) unsafe fn info(sb: *const raw::super_block) -> *mut Info<F> {
        // SAFETY: The superblock is valid, by the contract of this function. `sget_fc()` set the
        // field to what the context had, an `Info<F>`, and it stays until the superblock ends.
        unsafe { (*sb).s_fs_info }.cast()
    }

    /// Returns the state of the mount, or `EIO` if there is none: before the image is open.
    #[inline]
    pub(crate) fn mount(&self) -> Result<&F::Mount> {
        // SAFETY: By the invariant the superblock is valid.
        let info = unsafe { Self::info(self.as_ptr()) };
        // SAFETY: The state lives as long as the superblock. The field is set atomically, and is
        // replaced only by `put_super` and `kill_superblock`, after the superblock was shut down:
        // by the invariant that does not happen while `self` lives.
        unsafe { &(*info).mount }.as_ref().ok_or(code::EIO)
    }
}

/// A reference to a superblock that does not keep it: it is cleared before the superblock ends.
#[pin_data]
pub(crate) struct WeakSuperblock<F> {
    #[pin]
    superblock: Mutex<Option<Pointer<F>>>,
}

/// # Invariants
/// The pointer is that to a superblock of `F` that is not shut down.
struct Pointer<F>(*mut raw::super_block, PhantomData<fn() -> F>);

// SAFETY: A superblock belongs to no thread.
unsafe impl<F> Send for Pointer<F> {}

impl<F: FileSystem> WeakSuperblock<F> {
    /// Creates a reference.
    ///
    /// # Safety
    /// [`WeakSuperblock::clear`] is called before the superblock is shut down.
    pub(super) unsafe fn new(superblock: &Superblock<F>) -> Result<Arc<Self>> {
        // INVARIANT: The superblock is valid, and is not shut down before the pointer is cleared.
        let pointer = Pointer(superblock.as_ptr(), PhantomData);
        let init = pin_init!(Self { superblock <- new_mutex!(Some(pointer)) });
        Arc::pin_init(init, GFP_KERNEL)
    }

    /// Clears the reference, after waiting for functions that use it.
    pub(super) fn clear(&self) {
        *self.superblock.lock() = None;
    }

    /// Calls a function with the superblock, if it is not about to end. It does not end meanwhile.
    pub(crate) fn with(&self, function: impl FnOnce(&Superblock<F>)) {
        let guard = self.superblock.lock();
        if let Some(Pointer(superblock, _)) = &*guard {
            // SAFETY: By the invariant the superblock is one of `F` and is not shut down; `clear`,
            // which comes before that, waits for the lock that is held here.
            function(unsafe { Superblock::from_raw(*superblock) });
        }
    }
}
