// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lossless conversions, rounding, and operations in which those of `core` would panic.

use core::ops::RangeInclusive;

/// The length of a slice as a media length.
#[allow(clippy::as_conversions, reason = "usize has at most 64 bits")]
pub(crate) const fn len64(bytes: &[u8]) -> u64 {
    // CAST: `usize` is never wider than 64 bits, so nothing is lost.
    bytes.len() as u64
}

/// A host size as a media size.
#[allow(clippy::as_conversions, reason = "usize has at most 64 bits")]
pub(crate) const fn from_usize(value: usize) -> u64 {
    // CAST: `usize` is never wider than 64 bits, so nothing is lost.
    value as u64
}

/// A media size as a host size. A value that does not fit saturates, and then fails every bounds
/// check.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// `value` rounded up to a multiple of `1 << shift`, or `None` if that exceeds 64 bits.
pub(crate) fn round_up(value: u64, shift: u32) -> Option<u64> {
    let mask = 1_u64.checked_shl(shift)?.checked_sub(1)?;
    Some(value.checked_add(mask)? & !mask)
}

/// The offsets from `start` on. An open range would panic at its end if overflow is checked, as in
/// kernels.
pub(crate) fn offsets_from(start: u64) -> RangeInclusive<u64> {
    start..=u64::MAX
}

/// The square root of `value`, to within a factor of two.
pub(crate) fn rough_root(value: u32) -> u32 {
    let bits = u32::BITS.saturating_sub(value.leading_zeros());
    value.wrapping_shr(bits >> 1)
}

/// Returns true if `value` is a multiple of `1 << shift`.
pub(crate) fn is_aligned(value: u64, shift: u32) -> bool {
    1_u64
        .checked_shl(shift)
        .is_some_and(|unit| value & unit.wrapping_sub(1) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rough_root_is_a_root_to_within_a_factor_of_two() {
        for value in (0..70_000).chain([u32::MAX, 1 << 31, 1 << 30]) {
            let (root, rough) = (value.isqrt(), rough_root(value));
            assert!(
                rough <= root * 2 && root <= rough * 2 + 1,
                "{value}: {rough}"
            );
        }
    }

    #[test]
    fn rounding_up_reaches_the_next_multiple_and_refuses_to_wrap() {
        assert_eq!(round_up(0, 12), Some(0));
        assert_eq!(round_up(1, 12), Some(4096));
        assert_eq!(round_up(4096, 12), Some(4096));
        assert_eq!(round_up(u64::MAX, 12), None);
        assert_eq!(round_up(5, 64), None);
    }

    #[test]
    fn alignment_is_a_multiple_of_the_unit() {
        assert!(is_aligned(8192, 12));
        assert!(!is_aligned(8191, 12));
        assert!(!is_aligned(0, 64));
    }
}
