// SPDX-License-Identifier: GPL-2.0-only
//! Copying out of memory that others may be writing.

use super::raw;
use core::arch::asm;

/// Copies `into.len()` bytes from `from`.
///
/// The bytes may be those of different moments. What matters is that the compiler never reads the
/// source again in the place of the copy: after the barrier it must take what is in `into`, since
/// the source may have changed.
///
/// # Safety
/// `into.len()` bytes from `from` on are mapped.
#[inline]
pub(crate) unsafe fn copy_out(from: *const u8, into: &mut [u8]) {
    // SAFETY: The source is mapped, by the contract of this function; the destination is a slice,
    // and no slice lies in memory that images are in, so the two do not overlap.
    unsafe { raw::memcpy(into.as_mut_ptr().cast(), from.cast(), into.len()) };
    // SAFETY: No instruction; it tells the compiler that memory may have changed.
    unsafe { asm!("/* {0} {1} */", in(reg) from, in(reg) into.as_mut_ptr(), options(nostack, preserves_flags)) };
}
