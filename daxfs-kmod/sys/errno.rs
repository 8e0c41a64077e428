// SPDX-License-Identifier: GPL-2.0-only
//! Error numbers, and results in the forms that C takes.

use kernel::error::{Error, Result};
use kernel::ffi::c_int;

use super::raw;

/// Converts one of C's error numbers.
macro_rules! number {
    ($name:ident) => {
        // CAST: Error numbers end at 4095.
        Error::from_errno(-(raw::$name as i32))
    };
}

/// A structure that breaks a rule of the format.
pub(crate) fn corrupt() -> Error {
    number!(EUCLEAN)
}

/// A feature that is not supported.
pub(crate) fn unsupported() -> Error {
    number!(EOPNOTSUPP)
}

/// A file handle without an inode.
pub(crate) fn stale() -> Error {
    number!(ESTALE)
}

/// A name longer than any directory entry.
pub(crate) fn name_too_long() -> Error {
    number!(ENAMETOOLONG)
}

/// An extended attribute that does not exist.
pub(crate) fn no_data() -> Error {
    number!(ENODATA)
}

/// An image with another identity than the one required.
pub(crate) fn identity() -> Error {
    number!(EKEYREJECTED)
}

/// Returns 0, or a negative error number.
#[inline]
pub(super) fn status(result: Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// Returns a number of bytes, or a negative error number.
#[inline]
pub(super) fn byte_count(result: Result<usize>) -> isize {
    match result {
        // CAST: No object in memory has 2^63 bytes.
        Ok(count) => count as isize,
        // CAST: `isize` has more bits than `c_int`.
        Err(error) => error.to_errno() as isize,
    }
}

/// Returns a pointer, or an error number encoded as one.
#[inline]
pub(super) fn pointer<T>(result: Result<*mut T>) -> *mut T {
    result.unwrap_or_else(Error::to_ptr)
}
