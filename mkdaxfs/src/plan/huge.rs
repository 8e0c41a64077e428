// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes of a file that huge pages map, in a mapping of the whole file.
//!
//! A huge page maps 2 MiB of memory from a multiple of 2 MiB on, all of one extent of the file. The
//! kernel gives a mapping an address that lines up with the memory of the first bytes of the file,
//! or with the file offset if these are a hole. So a file with one extent has huge pages between
//! the first multiple of 2 MiB in it and the last. A sparse file has them in the extents whose
//! distance to their file offset, modulo 2 MiB, is that of the address.

use std::collections::BTreeMap;

use daxfs_format::limits::HUGE_PAGE;

use super::extents::DataExtent;
use super::offset::ImageOffset;
use crate::num::round_up;
use crate::options::PageSize;

/// Size in bytes of the pages that the kernel maps where it takes no huge ones.
const SMALL_PAGE: u64 = 4096;

/// The alignment of a content in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// Distance of its first byte to the multiple of 2 MiB before it.
    pub(crate) phase: u64,
    /// Number of bytes that padding is weighed against: those that huge pages can map then, or all
    /// of a file with one extent.
    pub(crate) bytes: u64,
}

impl Alignment {
    /// The alignment for a file of `length` bytes with one extent.
    pub(crate) fn of_dense(length: u64) -> Option<Self> {
        (length >= HUGE_PAGE).then_some(Self {
            phase: 0,
            bytes: length,
        })
    }

    /// The alignment for a sparse file whose extents lie one after the other, each in pages of its
    /// own: the one that gains most, and of several the one with the lowest phase.
    pub(crate) fn of_sparse(extents: &[DataExtent], page: PageSize) -> Option<Self> {
        let begins_with_data = extents.first().is_some_and(|first| first.offset == 0);
        let mut gains = BTreeMap::new();
        let mut before = 0;
        for extent in extents {
            let phase = extent.offset.wrapping_sub(before) % HUGE_PAGE;
            let bytes = units(extent.offset, extent.length);
            // The address follows data at the beginning of the file, and so does the phase.
            if bytes != 0 && (phase == 0 || !begins_with_data) {
                *gains.entry(phase).or_insert(0) += bytes;
            }
            before += page.round_up(extent.length);
        }
        let best = gains
            .into_iter()
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(phase, bytes)| Self { phase, bytes })
    }
}

/// Number of bytes that huge pages map of a file at `offset`. Its extents lie one after the other,
/// each in pages of its own.
pub(crate) fn mapped(extents: &[DataExtent], offset: ImageOffset, page: PageSize) -> u64 {
    let (mut at, mut sum) = (offset.0, 0);
    let address = match extents.first() {
        Some(first) if first.offset == 0 => at % HUGE_PAGE,
        _ => 0,
    };
    for extent in extents {
        if at.wrapping_sub(extent.offset) % HUGE_PAGE == address {
            sum += units(at, extent.length);
        }
        at += page.round_up(extent.length);
    }
    sum
}

/// Number of bytes in the whole units of 2 MiB from `start` on.
fn units(start: u64, length: u64) -> u64 {
    let first = round_up(start, HUGE_PAGE);
    let end = start.saturating_add(round_up(length, SMALL_PAGE));
    (end / HUGE_PAGE * HUGE_PAGE).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::extents::tests::extents;

    const PAGE: u64 = 4096;

    fn aligned(list: &[(u64, u64)]) -> Option<Alignment> {
        Alignment::of_sparse(&extents(list), PageSize::K4)
    }

    fn mapped_at(list: &[(u64, u64)], offset: u64) -> u64 {
        mapped(&extents(list), ImageOffset(offset), PageSize::K4)
    }

    #[test]
    fn a_file_of_one_extent_begins_at_a_huge_page() {
        assert_eq!(Alignment::of_dense(HUGE_PAGE - 1), None);
        let best = Alignment::of_dense(HUGE_PAGE).unwrap();
        assert_eq!((best.phase, best.bytes), (0, HUGE_PAGE));
    }

    #[test]
    fn a_file_of_one_extent_has_huge_pages_at_any_offset() {
        let whole = [(0, 3 * HUGE_PAGE - 1)];
        assert_eq!(mapped_at(&whole, 5 * HUGE_PAGE), 3 * HUGE_PAGE);
        assert_eq!(mapped_at(&whole, 5 * HUGE_PAGE + PAGE), 2 * HUGE_PAGE);
        assert_eq!(mapped_at(&[(0, HUGE_PAGE)], PAGE), 0);
    }

    #[test]
    fn an_extent_behind_a_hole_keeps_its_distance_to_a_huge_page() {
        let list = [(3 * PAGE, 3 * HUGE_PAGE)];
        let best = aligned(&list).unwrap();
        assert_eq!((best.phase, best.bytes), (3 * PAGE, 2 * HUGE_PAGE));
        let at = 7 * HUGE_PAGE + 3 * PAGE;
        assert_eq!(mapped_at(&list, at), 2 * HUGE_PAGE);
        assert_eq!(mapped_at(&list, at + PAGE), 0);
    }

    #[test]
    fn the_extents_that_gain_most_decide() {
        // Each lies right behind the pages of the one before it.
        let list = [
            (PAGE, 1),
            (HUGE_PAGE, HUGE_PAGE),
            (5 * HUGE_PAGE, 2 * HUGE_PAGE),
            (9 * HUGE_PAGE + 7 * PAGE, 3 * HUGE_PAGE - 7 * PAGE),
        ];
        let best = aligned(&list).unwrap();
        let phase = HUGE_PAGE - PAGE;
        assert_eq!((best.phase, best.bytes), (phase, 3 * HUGE_PAGE));
        assert_eq!(mapped_at(&list, phase), 3 * HUGE_PAGE);
    }

    /// The address of a mapping follows the bytes that are mapped first.
    #[test]
    fn the_first_bytes_of_a_file_decide_for_the_rest() {
        let in_line = (4 * HUGE_PAGE, 2 * HUGE_PAGE);
        let not = (9 * HUGE_PAGE + PAGE, 5 * HUGE_PAGE);
        let list = [(0, HUGE_PAGE), in_line, not];
        let best = aligned(&list).unwrap();
        assert_eq!((best.phase, best.bytes), (0, 3 * HUGE_PAGE));
        assert_eq!(mapped_at(&list, 6 * HUGE_PAGE), 3 * HUGE_PAGE);
        assert_eq!(mapped_at(&list, 6 * HUGE_PAGE + PAGE), HUGE_PAGE);
        assert_eq!(aligned(&[(0, PAGE + 1), not]), None);
    }

    #[test]
    fn a_file_without_a_whole_unit_needs_no_alignment() {
        let list = [(PAGE, HUGE_PAGE), (4 * HUGE_PAGE, HUGE_PAGE - PAGE)];
        assert_eq!(aligned(&list), None);
        assert_eq!(aligned(&[]), None);
    }
}
