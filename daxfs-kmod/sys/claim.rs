// SPDX-License-Identifier: GPL-2.0-only
//! Ranges of physical addresses, and claims on them.

use core::fmt;

use kernel::error::{code, Error};
use kernel::prelude::*;

use super::pages::physical_limit;
use super::raw;
use crate::num::to_usize;
use crate::options::ALIGNMENT;

/// A range of physical addresses that a mount may have.
///
/// # Invariants
/// `start` is a multiple of 2 MiB, `length` is not 0; the range, rounded up to 2 MiB, ends below the
/// physical limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PhysicalRange {
    start: u64,
    length: u64,
}

/// Why a range cannot be had.
pub(crate) enum Refusal {
    Misaligned,
    Wraps,
    BeyondLimit(u64),
    SystemRam,
    Busy,
    FormerMount,
    HasPages,
    TooCostly(u64),
    Unmappable,
    Pages(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => write!(f, "begins at no multiple of {ALIGNMENT:#x}"),
            Self::Wraps => f.write_str("ends beyond 64 bits"),
            Self::BeyondLimit(limit) => {
                write!(f, "ends beyond the highest address of this machine, {limit:#x}")
            }
            Self::SystemRam => f.write_str(
                "is RAM that the kernel uses; reserve it, for example with memmap=SIZE$ADDR at boot",
            ),
            Self::Busy => f.write_str("is in use, by a driver or by another mount"),
            Self::FormerMount => f.write_str(
                "overlaps that of a former mount, whose pages are not free yet; it is given back when they are",
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
    /// The number for this refusal.
    pub(crate) fn errno(&self) -> Error {
        match self {
            Self::Misaligned | Self::Wraps | Self::BeyondLimit(_) | Self::SystemRam => code::EINVAL,
            Self::Busy | Self::FormerMount | Self::HasPages => code::EBUSY,
            Self::TooCostly(_) | Self::Unmappable => code::ENOMEM,
            Self::Pages(error) => *error,
        }
    }
}

impl PhysicalRange {
    /// The range of `length` bytes from `start` on, if a mount may have it.
    pub(crate) fn new(start: u64, length: u64) -> Result<Self, Refusal> {
        if start % ALIGNMENT != 0 {
            return Err(Refusal::Misaligned);
        }
        let rounded = length.checked_next_multiple_of(ALIGNMENT).ok_or(Refusal::Wraps)?;
        let last = rounded.checked_sub(1).and_then(|rest| start.checked_add(rest));
        let last = last.ok_or(Refusal::Wraps)?;
        let limit = physical_limit();
        if last > limit {
            return Err(Refusal::BeyondLimit(limit));
        }
        // INVARIANT: All has been checked.
        let range = Self { start, length };
        if range.holds_ram() {
            return Err(Refusal::SystemRam);
        }
        Ok(range)
    }

    /// The address of the first byte.
    pub(crate) fn start(self) -> u64 {
        self.start
    }

    /// The length in bytes.
    pub(crate) fn length(self) -> u64 {
        self.length
    }

    /// The length in bytes, rounded up to 2 MiB.
    pub(crate) fn rounded(self) -> u64 {
        self.length.next_multiple_of(ALIGNMENT)
    }

    /// Whether any byte is RAM that the kernel manages.
    fn holds_ram(self) -> bool {
        // SAFETY: Walks the tree of resources under its lock.
        let ram = unsafe {
            raw::region_intersects(
                self.start,
                to_usize(self.rounded()),
                raw::DAXFS_SYSTEM_RAM,
                to_usize(raw::IORES_DESC_NONE.into()),
            )
        };
        // CAST: An enumerator, one of three.
        ram != raw::REGION_DISJOINT as _
    }
}

/// A claim on a range of physical addresses, so that neither a driver nor another mount gets it, and
/// no memory is added there.
///
/// # Invariants
/// The range was requested with success, from a multiple of 2 MiB on and as many of them as it takes,
/// and holds no System RAM.
pub(crate) struct Claim(PhysicalRange);

impl Claim {
    /// Claims a range, rounded up to 2 MiB.
    pub(crate) fn take(range: PhysicalRange) -> Result<Self, Refusal> {
        // SAFETY: The name is static.
        let resource = unsafe {
            raw::daxfs_request_mem_region(range.start, range.rounded(), c"daxfs".as_char_ptr())
        };
        if resource.is_null() {
            return Err(Refusal::Busy);
        }
        // INVARIANT: The request succeeded. What is below holds for as long as the claim.
        let claim = Self(range);
        // RAM may have been added between the check of the range and the claim.
        if range.holds_ram() {
            return Err(Refusal::SystemRam);
        }
        Ok(claim)
    }

    /// The address of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.0.start
    }

    /// The length in bytes, a multiple of 2 MiB.
    pub(crate) fn length(&self) -> u64 {
        self.0.rounded()
    }

    /// Whether any byte of `range`, rounded up to 2 MiB, is claimed.
    pub(crate) fn overlaps(&self, range: PhysicalRange) -> bool {
        // Neither sum wraps: both ranges end below the physical limit.
        self.start() < range.start + range.rounded() && range.start < self.start() + self.length()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: The range was claimed by `take`.
        unsafe { raw::daxfs_release_mem_region(self.0.start, self.0.rounded()) };
    }
}
