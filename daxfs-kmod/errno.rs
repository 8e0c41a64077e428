// SPDX-License-Identifier: GPL-2.0-only
//! Errors as numbers.

use core::fmt::Arguments;

use kernel::error::{code, Error};

use crate::mounted::Image;
use crate::sys::{log, raw};

/// One of the kernel's numbers.
macro_rules! number {
    ($name:ident) => {
        // CAST: The kernel's numbers end at 4095.
        Error::from_errno(-(raw::$name as i32))
    };
}

/// The number for an error of the format crate.
pub(crate) fn of(error: &daxfs_format::Error) -> Error {
    match error {
        daxfs_format::Error::Corrupt(_) => corrupt(),
        daxfs_format::Error::Unsupported(_) => number!(EOPNOTSUPP),
        daxfs_format::Error::Memory(_) => code::EIO,
    }
}

/// As [`of`], for errors met while `image` is in use, which the kernel log reports.
pub(crate) fn reported(image: &Image) -> impl Fn(daxfs_format::Error) -> Error + '_ {
    move |error| {
        report(image, format_args!("{error}"));
        of(&error)
    }
}

/// The number for damage that `what` names, and not the format crate. The kernel log reports it.
pub(crate) fn reported_corrupt(image: &Image, what: Arguments<'_>) -> Error {
    report(image, format_args!("corrupt image: {what}"));
    corrupt()
}

fn report(image: &Image, what: Arguments<'_>) {
    let phys = image.memory().physical(0);
    log::damage(format_args!("image at phys={phys:#x}: {what}"));
}

/// A file handle that names no inode of this image.
pub(crate) fn stale() -> Error {
    number!(ESTALE)
}

/// An attempt to write.
pub(crate) fn read_only() -> Error {
    code::EROFS
}

/// A name that no directory can hold.
pub(crate) fn name_too_long() -> Error {
    number!(ENAMETOOLONG)
}

/// An attribute that does not exist.
pub(crate) fn no_data() -> Error {
    number!(ENODATA)
}

/// An image that is not the one that was asked for.
pub(crate) fn identity() -> Error {
    number!(EKEYREJECTED)
}

/// An image that breaks a rule.
pub(crate) fn corrupt() -> Error {
    number!(EUCLEAN)
}
