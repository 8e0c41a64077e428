// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's C interfaces.
//!
//! | module | owns |
//! |---|---|
//! | [`raw`] | what bindgen makes of the kernel's headers |
//! | [`log`] | messages to whoever mounts, and to the kernel log |
//! | [`pages`] | struct pages over a physical range |
//! | [`copy`] | copying out of memory that others write |
//! | [`lock`] | semaphores |

pub(crate) mod copy;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod pages;
pub(crate) mod raw;

use kernel::error::{Error, Result};
use kernel::ffi::c_int;

/// A table of operations, which the kernel only reads.
pub(crate) struct Table<T>(pub(crate) T);

// SAFETY: The tables hold function pointers and pointers to other immutable statics.
unsafe impl<T> Sync for Table<T> {}

impl<T> Table<T> {
    /// The address of the table, as C takes it.
    pub(crate) const fn get(&'static self) -> *const T {
        &self.0
    }
}

/// This module, as C names it.
pub(crate) const fn this_module() -> *mut raw::module {
    (&raw const raw::__this_module).cast_mut()
}

/// What a C function returns for a result.
pub(crate) fn status(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(Error::to_errno)
}

/// A pointer, or an error in the place of one.
pub(crate) fn pointer<T>(result: Result<*mut T>) -> *mut T {
    match result {
        Ok(pointer) => pointer,
        Err(error) => err_pointer(error),
    }
}

/// An error in the place of a pointer.
pub(crate) fn err_pointer<T>(error: Error) -> *mut T {
    // SAFETY: Converts a number, whatever it is.
    unsafe { raw::daxfs_err_ptr(error.to_errno() as _) }.cast()
}
