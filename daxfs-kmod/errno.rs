// SPDX-License-Identifier: GPL-2.0-only
//! Errors as numbers.

use kernel::error::Error;

use crate::mounted::Image;
use crate::sys::log;

const EIO: i32 = 5;
const EOPNOTSUPP: i32 = 95;
const EUCLEAN: i32 = 117;
const ESTALE: i32 = 116;
const EROFS: i32 = 30;
const ENAMETOOLONG: i32 = 36;
const ENODATA: i32 = 61;
const EKEYREJECTED: i32 = 129;

/// The number for an error of the format crate.
pub(crate) fn of(error: &daxfs_format::Error) -> Error {
    Error::from_errno(match error {
        daxfs_format::Error::Corrupt(_) => -EUCLEAN,
        daxfs_format::Error::Unsupported(_) => -EOPNOTSUPP,
        daxfs_format::Error::Memory(_) => -EIO,
    })
}

/// As [`of`], for errors met while `image` is in use, which the kernel log reports.
pub(crate) fn reported(image: &Image) -> impl Fn(daxfs_format::Error) -> Error + '_ {
    move |error| {
        let phys = image.memory().physical(0);
        log::damage(format_args!("image at phys={phys:#x}: {error}"));
        of(&error)
    }
}

/// A file handle that names no inode of this image.
pub(crate) fn stale() -> Error {
    Error::from_errno(-ESTALE)
}

/// An attempt to write.
pub(crate) fn read_only() -> Error {
    Error::from_errno(-EROFS)
}

/// A name that no directory can hold.
pub(crate) fn name_too_long() -> Error {
    Error::from_errno(-ENAMETOOLONG)
}

/// An attribute that does not exist.
pub(crate) fn no_data() -> Error {
    Error::from_errno(-ENODATA)
}

/// An image that is not the one that was asked for.
pub(crate) fn identity() -> Error {
    Error::from_errno(-EKEYREJECTED)
}

/// An image that breaks a rule.
pub(crate) fn corrupt() -> Error {
    Error::from_errno(-EUCLEAN)
}
