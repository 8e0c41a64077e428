// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's C interfaces.
//!
//! | module | owns |
//! |---|---|
//! | [`raw`] | what bindgen makes of the kernel's headers |
//! | [`log`] | messages to whoever mounts, and to the kernel log |
//! | [`claim`] | ranges of physical addresses, and claims on them |
//! | [`pages`] | struct pages over a claimed range |
//! | [`page`] | one of them |
//! | [`copy`] | copying out of memory that others write, and that may fail |
//! | [`lock`] | semaphores |
//! | [`later`] | work that is done later |
//! | [`task`] | the current task: signals, letting others run |

pub(crate) mod claim;
pub(crate) mod copy;
pub(crate) mod later;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod raw;
pub(crate) mod task;

use kernel::error::{Error, Result};
use kernel::ffi::c_int;

/// What the kernel takes as a table: values that it only reads.
///
/// # Safety
/// All that a value of the type points to is read only, by whatever thread: functions, and other
/// immutable statics.
pub(crate) unsafe trait Shared {}

macro_rules! shared {
    ($($table:ident),* $(,)?) => {$(
        // SAFETY: The kernel takes the table as `const`, or as something that it does not write; this
        // module fills it with functions, strings and addresses of statics.
        unsafe impl Shared for raw::$table {}
    )*};
}

shared!(
    address_space_operations,
    dev_pagemap_ops,
    export_operations,
    file_operations,
    fs_context_operations,
    fs_parameter_spec,
    inode_operations,
    super_operations,
    vm_operations_struct,
    xattr_handler,
);

// SAFETY: Its elements are shared.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}
// SAFETY: The kernel reads what such a pointer points at, which is shared.
unsafe impl<T: Shared> Shared for *const T {}

/// A table of operations, which the kernel only reads.
pub(crate) struct Table<T>(pub(crate) T);

// SAFETY: By the contract of `Shared` all threads may read the table and what it points to.
unsafe impl<T: Shared> Sync for Table<T> {}

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

/// Keeps this module loaded until [`let_module_go`] is called as often.
///
/// The caller is code that something else keeps loaded for now.
pub(crate) fn hold_module() {
    // SAFETY: This is our module, and it is in use: its code is running.
    unsafe { raw::daxfs_module_get(this_module()) };
}

/// Takes one [`hold_module`] back. Something else keeps the caller loaded, or unloading waits for it.
pub(crate) fn let_module_go() {
    // SAFETY: This is our module, and every call follows a `hold_module`.
    unsafe { raw::module_put(this_module()) };
}

/// What a C function returns for a result.
pub(crate) fn status(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(Error::to_errno)
}

/// What a C function returns for a number of bytes.
pub(crate) fn byte_count(result: Result<usize>) -> isize {
    match result {
        // CAST: Nothing in memory has more bytes.
        Ok(count) => count as isize,
        // CAST: `isize` has more bits.
        Err(error) => error.to_errno() as isize,
    }
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
    unsafe { raw::daxfs_err_ptr(error.to_errno()) }.cast()
}
