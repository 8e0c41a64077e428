// SPDX-License-Identifier: GPL-2.0-only
//! Reasons to refuse a range.

use core::fmt;

use kernel::error::{code, Error};

use crate::sys::size::HUGE_SIZE;

/// A reason to refuse a range of physical addresses.
pub(crate) enum Refusal {
    /// It does not begin at a multiple of 2 MiB.
    Misaligned,
    /// Its end has more than 64 bits.
    Wraps,
    /// It ends behind this address, the highest that the machine can use.
    BeyondLimit(u64),
    /// The kernel manages its memory.
    SystemRam,
    /// Another driver or mount has claimed it.
    Busy,
    /// Pages of a former mount that it overlaps are in use.
    FormerMount,
    /// It has struct pages of a driver that has not claimed it.
    HasPages,
    /// Its struct pages would take this many bytes.
    TooCostly(u64),
    /// The kernel cannot map it.
    Unmappable,
    /// Making struct pages failed with this error.
    Pages(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => write!(f, "does not begin at a multiple of {HUGE_SIZE:#x}"),
            Self::Wraps => f.write_str("ends beyond 64 bits"),
            Self::BeyondLimit(limit) => {
                write!(f, "ends beyond the highest address of this machine, {limit:#x}")
            }
            Self::SystemRam => f.write_str(
                "is RAM that the kernel uses; \
                 reserve it, for example with memmap=SIZE$ADDR at boot",
            ),
            Self::Busy => f.write_str("is in use, by a driver or by another mount"),
            Self::FormerMount => f.write_str(
                "overlaps that of a former mount, whose pages are not free yet; \
                 it is given back when they are",
            ),
            Self::HasPages => {
                f.write_str("has struct pages already, of a driver that has not claimed it")
            }
            Self::TooCostly(bytes) => write!(
                f,
                "would take {bytes} bytes for struct pages, a quarter or more of the free memory"
            ),
            Self::Unmappable => f.write_str("cannot be mapped by the kernel"),
            Self::Pages(error) => write!(f, "cannot get struct pages (error {})", error.to_errno()),
        }
    }
}

impl Refusal {
    /// Returns the error number of the refusal.
    pub(crate) fn errno(&self) -> Error {
        match self {
            Self::Misaligned | Self::Wraps | Self::BeyondLimit(_) | Self::SystemRam => code::EINVAL,
            Self::Busy | Self::FormerMount | Self::HasPages => code::EBUSY,
            Self::TooCostly(_) | Self::Unmappable => code::ENOMEM,
            Self::Pages(error) => *error,
        }
    }
}
