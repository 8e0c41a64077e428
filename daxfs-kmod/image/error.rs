// SPDX-License-Identifier: GPL-2.0-only
//! Error numbers and messages for errors of the format crate.

use core::fmt::Arguments;

use kernel::error::{code, Error};

use crate::memory::backing::Backing;
use crate::sys::errno;
use crate::sys::log::{self, Log};

/// Returns the error number of an error of the format crate.
pub(super) fn number(error: &daxfs_format::Error) -> Error {
    match error {
        daxfs_format::Error::Corrupt(_) => errno::corrupt(),
        daxfs_format::Error::Unsupported(_) => errno::unsupported(),
        daxfs_format::Error::Memory(_) => code::EIO,
    }
}

/// Reports why a mount is refused, and returns the error number.
pub(super) fn refused(error: daxfs_format::Error, log: Log<'_>) -> Error {
    log.error(format_args!("{error}"));
    number(&error)
}

/// Reports damage of an image in use to the kernel log.
pub(super) fn report(backing: &Backing, message: Arguments<'_>) {
    log::damage(format_args!("image at {backing}: {message}"));
}
