// SPDX-License-Identifier: GPL-2.0-only
//! The beginning of a range, mapped to read how long its image is.

use daxfs_format::{Memory, ReadFault};

use super::claim::{Claim, PhysicalRange};
use super::deferred;
use super::refusal::Refusal;
use super::view::View;
use crate::sys::copy::copy_out;
use crate::sys::num::{to_u64, to_usize};

/// The beginning of a range, claimed and mapped.
///
/// # Invariants
/// The view is one of `length` bytes of the claim at least. Fields are dropped in order.
pub(crate) struct Peek {
    view: View,
    length: u64,
    _claim: Claim,
}

impl Peek {
    /// Claims a range and maps its first `length` bytes, or all of them.
    pub(crate) fn new(range: PhysicalRange, length: u64) -> Result<Self, Refusal> {
        deferred::refuse_overlap(range)?;
        let length = length.min(range.length());
        let claim = Claim::take(range)?;
        // INVARIANT: A claim is as long as its range, or longer.
        Ok(Self { view: View::new(&claim, length)?, length, _claim: claim })
    }
}

impl Memory for Peek {
    fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.length, offset, into)?;
        let from = self.view.base().wrapping_add(to_usize(offset));
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`, and
        // holds device memory only.
        unsafe { copy_out(from, into) }.map_err(|_| ReadFault::of(offset, into))
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
