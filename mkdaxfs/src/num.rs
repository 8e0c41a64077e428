// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions that lose nothing on the systems that this runs on, and rounding.

/// A host length as a media length.
pub(crate) fn len64(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A number as an index. A number that does not fit a `usize` saturates, and indexes nothing.
pub(crate) fn to_usize(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or(usize::MAX)
}

/// `value` rounded up to a multiple of `unit`, a power of two. Image sizes are far below 2^63.
pub(crate) fn round_up(value: u64, unit: u64) -> u64 {
    value.saturating_add(unit - 1) & !(unit - 1)
}
