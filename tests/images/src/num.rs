// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions between host and media sizes. They panic where a size does not fit.

/// A media size as a host size.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).expect("sizes of test images fit")
}

/// A host size as a media size.
pub(crate) fn from_usize(value: usize) -> u64 {
    u64::try_from(value).expect("usize has at most 64 bits")
}

/// The length of a slice as a media size.
pub(crate) fn len64(bytes: &[u8]) -> u64 {
    from_usize(bytes.len())
}

/// A host size as a 32-bit number.
pub(crate) fn to_u32(value: usize) -> u32 {
    u32::try_from(value).expect("numbers of test images fit")
}
