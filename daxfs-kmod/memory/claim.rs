// SPDX-License-Identifier: GPL-2.0-only
//! Ranges of physical addresses, and claims on them.

use kernel::prelude::*;

use super::refusal::Refusal;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;
use crate::sys::size::HUGE_SIZE;

/// A range of physical addresses that a mount may claim.
///
/// # Invariants
/// `start` is a multiple of 2 MiB, `length` is not 0; the range, rounded up to 2 MiB, ends below
/// the physical limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PhysicalRange {
    start: u64,
    length: u64,
}

impl PhysicalRange {
    /// Creates the range of `length` bytes from `start` on, if a mount may claim it.
    pub(crate) fn new(start: u64, length: u64) -> Result<Self, Refusal> {
        if start % HUGE_SIZE != 0 {
            return Err(Refusal::Misaligned);
        }
        let rounded = length.checked_next_multiple_of(HUGE_SIZE).ok_or(Refusal::Wraps)?;
        let last = rounded.checked_sub(1).and_then(|rest| start.checked_add(rest));
        let last = last.ok_or(Refusal::Wraps)?;
        let limit = physical_limit();
        if last > limit {
            return Err(Refusal::BeyondLimit(limit));
        }
        // INVARIANT: All was checked above.
        let range = Self { start, length };
        if range.has_ram() {
            return Err(Refusal::SystemRam);
        }
        Ok(range)
    }

    /// Returns the address of the first byte.
    pub(super) fn start(self) -> u64 {
        self.start
    }

    /// Returns the length in bytes.
    pub(super) fn length(self) -> u64 {
        self.length
    }

    /// Returns the length in bytes, rounded up to 2 MiB.
    pub(super) fn rounded(self) -> u64 {
        self.length.next_multiple_of(HUGE_SIZE)
    }

    /// Returns true if any byte is RAM that the kernel manages.
    fn has_ram(self) -> bool {
        // SAFETY: The function walks the tree of resources under its lock; range and type may be
        // any.
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

/// A claim on a range of physical addresses. It excludes drivers and mounts that claim too, and
/// adding memory there.
///
/// # Invariants
/// The range was requested with success, from a multiple of 2 MiB on and rounded up to one, and
/// holds no System RAM.
pub(super) struct Claim(PhysicalRange);

impl Claim {
    /// Claims a range, rounded up to 2 MiB.
    pub(super) fn take(range: PhysicalRange) -> Result<Self, Refusal> {
        // SAFETY: The name is a C string that lives for ever, as the function demands.
        let resource = unsafe {
            raw::daxfs_request_mem_region(range.start, range.rounded(), c"daxfs".as_char_ptr())
        };
        if resource.is_null() {
            return Err(Refusal::Busy);
        }
        // INVARIANT: The request succeeded. The check below holds for as long as the claim.
        let claim = Self(range);
        // RAM may have been added between the check of the range and the claim.
        if range.has_ram() {
            return Err(Refusal::SystemRam);
        }
        Ok(claim)
    }

    /// Returns the address of the first byte.
    pub(super) fn start(&self) -> u64 {
        self.0.start
    }

    /// Returns the length in bytes, a multiple of 2 MiB.
    pub(super) fn length(&self) -> u64 {
        self.0.rounded()
    }

    /// Returns true if any byte of `range`, rounded up to 2 MiB, is claimed.
    pub(super) fn overlaps(&self, range: PhysicalRange) -> bool {
        // Neither sum wraps: both ranges end below the physical limit.
        self.start() < range.start + range.rounded() && range.start < self.start() + self.length()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: `take` requested the range.
        unsafe { raw::daxfs_release_mem_region(self.0.start, self.0.rounded()) };
    }
}

/// Returns the highest physical address that can have struct pages.
fn physical_limit() -> u64 {
    // SAFETY: The function reads constants of this machine and takes no argument.
    to_u64(unsafe { raw::daxfs_phys_limit() })
}
