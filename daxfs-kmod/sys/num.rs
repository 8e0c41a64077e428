// SPDX-License-Identifier: GPL-2.0-only
//! Lossless conversions between the integers of the kernel and of the format.

// Only 64-bit kernels make struct pages for devices. There, C's `long` is `isize` and its
// `unsigned long` is `usize`.
const _: () = assert!(usize::BITS == u64::BITS);

/// Converts a size or an address in memory to one in an image.
#[inline]
pub(crate) const fn to_u64(number: usize) -> u64 {
    // CAST: Both have 64 bits, by the assertion above.
    number as u64
}

/// Converts a size or an address in an image to one in memory.
#[inline]
pub(crate) const fn to_usize(number: u64) -> usize {
    // CAST: Both have 64 bits, by the assertion above.
    number as usize
}

/// Converts a size or an offset within a file to C's `loff_t`.
///
/// The format crate refuses images and files of 2^63 bytes and more, and all callers pass sizes and
/// offsets of such.
#[inline]
pub(crate) const fn to_loff(number: u64) -> i64 {
    // CAST: The number is below 2^63.
    number as i64
}
