// SPDX-License-Identifier: GPL-2.0-only
//! Conversions between the kernel's integers and those of the format, which lose nothing.

// Only kernels for such machines make struct pages for devices. C's `long` is `isize` here, its
// `unsigned long` is `usize`.
const _: () = assert!(usize::BITS == u64::BITS);

/// A size or an address in memory as one in an image.
#[inline]
pub(crate) const fn to_u64(number: usize) -> u64 {
    // CAST: Both have 64 bits.
    number as u64
}

/// A size or an address in an image as one in memory.
#[inline]
pub(crate) const fn to_usize(number: u64) -> usize {
    // CAST: As above.
    number as usize
}
