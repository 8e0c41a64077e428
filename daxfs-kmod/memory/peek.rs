// SPDX-License-Identifier: GPL-2.0-only
//! The beginning of a range, mapped to read how long its image is.

use daxfs_format::{Memory, ReadFault};
use kernel::ffi::c_void;
use kernel::prelude::*;

use super::claim::{Claim, PhysicalRange};
use super::deferred;
use super::refusal::Refusal;
use crate::sys::copy::copy_out;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;

/// The beginning of a range, claimed and mapped.
///
/// # Invariants
/// The kernel maps `length` bytes at `address`, which are claimed.
pub(crate) struct Peek {
    address: *mut c_void,
    length: u64,
    _claim: Claim,
}

impl Peek {
    /// Claims a range and maps its first `length` bytes, or all of them.
    pub(crate) fn new(range: PhysicalRange, length: u64) -> Result<Self, Refusal> {
        deferred::refuse_overlap(range)?;
        let length = length.min(range.length());
        let claim = Claim::take(range)?;
        // SAFETY: By the invariants of a claim the range is below the limit and holds no RAM, so
        // that the function neither warns nor returns how RAM is mapped.
        let address = unsafe {
            raw::memremap(range.start(), to_usize(length), raw::DAXFS_MEMREMAP_WB)
        };
        if address.is_null() {
            return Err(Refusal::Unmappable);
        }
        // INVARIANT: The function succeeded.
        Ok(Self { address, length, _claim: claim })
    }
}

impl Memory for Peek {
    fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.length, offset, into)?;
        let from = self.address.cast::<u8>().cast_const().wrapping_add(to_usize(offset));
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`, and
        // holds device memory only.
        unsafe { copy_out(from, into) }.map_err(|_| ReadFault::of(offset, into))
    }
}

impl Drop for Peek {
    fn drop(&mut self) {
        // SAFETY: The address came from `memremap()` and is not used any more.
        unsafe { raw::memunmap(self.address) };
    }
}

/// Checks that `into.len()` bytes from `offset` on lie in `size` bytes.
#[inline]
pub(super) fn check_bounds(size: u64, offset: u64, into: &[u8]) -> Result<(), ReadFault> {
    match offset.checked_add(to_u64(into.len())) {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadFault::of(offset, into)),
    }
}
