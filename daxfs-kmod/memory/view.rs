// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's mapping of a claimed range, through which it reads.

use kernel::ffi::c_void;
use kernel::prelude::*;

use super::claim::Claim;
use super::refusal::Refusal;
use crate::sys::num::to_usize;
use crate::sys::raw;

/// A mapping of the beginning of a claimed range, write-back. It needs no struct pages.
///
/// # Invariants
/// The address came from `memremap()`, and was not given back.
pub(super) struct View(*mut c_void);

// SAFETY: A mapping belongs to no thread.
unsafe impl Send for View {}
// SAFETY: The methods of `&View` read a field that nothing writes.
unsafe impl Sync for View {}

impl View {
    /// Maps `length` bytes from the beginning of a claimed range on. The claim outlives the value.
    pub(super) fn new(claim: &Claim, length: u64) -> Result<Self, Refusal> {
        let length = to_usize(length.min(claim.length()));
        // SAFETY: By the invariants of a claim the range is below the limit and holds no RAM, so
        // that the function neither warns nor returns how RAM is mapped.
        let address = unsafe { raw::memremap(claim.start(), length, raw::DAXFS_MEMREMAP_WB) };
        if address.is_null() {
            return Err(Refusal::Unmappable);
        }
        // INVARIANT: The function succeeded.
        Ok(Self(address))
    }

    /// Returns the address of the first byte.
    #[inline]
    pub(super) fn base(&self) -> *const u8 {
        self.0.cast::<u8>().cast_const()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: By the invariant. The value is not used any more.
        unsafe { raw::memunmap(self.0) };
    }
}
