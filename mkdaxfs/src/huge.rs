// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which bytes of a file huge pages map, in a mapping of the whole file.
//!
//! A huge page maps 2 MiB of memory that begin at a multiple of 2 MiB, in one piece of the file. The kernel
//! gives a mapping an address that lines up with the memory of what is mapped first, or with the file where
//! that is a hole. So any file in one piece has huge pages between the first multiple of 2 MiB in it and the
//! last; of a sparse file, only the pieces have that are as far from their places in the file as the
//! address is.

use std::collections::BTreeMap;

use daxfs_format::limits::HUGE_PAGE;

use crate::num::round_up;
use crate::tree::Piece;

/// The page that the kernel maps where it takes no huge one, in bytes.
const SMALL_PAGE: u64 = 4096;

/// What alignment a content wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// How far beyond a multiple of 2 MiB it begins, in bytes; less than 2 MiB.
    pub(crate) phase: u64,
    /// Against how many of its bytes the padding is weighed: those that huge pages can map then, or all of
    /// a file in one piece.
    pub(crate) bytes: u64,
}

impl Alignment {
    /// For a file of `length` bytes in one piece.
    pub(crate) fn of_dense(length: u64) -> Option<Self> {
        (length >= HUGE_PAGE).then_some(Self {
            phase: 0,
            bytes: length,
        })
    }

    /// For a sparse file whose pieces lie one after the other, each in pages of its own: the one that
    /// gains most, and of several the one with the lowest phase.
    pub(crate) fn of_sparse(pieces: &[Piece], page: u64) -> Option<Self> {
        let begins_with_data = pieces
            .first()
            .is_some_and(|&(file_offset, _)| file_offset == 0);
        let mut gains = BTreeMap::new();
        let mut before = 0;
        for &(file_offset, length) in pieces {
            let phase = file_offset.wrapping_sub(before) % HUGE_PAGE;
            let bytes = units(file_offset, length);
            // Wherever data that comes first lie, the address follows; the phase of others is theirs then.
            if bytes != 0 && (phase == 0 || !begins_with_data) {
                *gains.entry(phase).or_insert(0) += bytes;
            }
            before += round_up(length, page);
        }
        let best = gains
            .into_iter()
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(phase, bytes)| Self { phase, bytes })
    }
}

/// How many bytes huge pages map of a file that lies at `at`, in pieces as long as they are in the file,
/// each in pages of its own.
pub(crate) fn mapped(pieces: &[Piece], at: u64, page: u64) -> u64 {
    let address = match pieces.first() {
        Some((0, _)) => at % HUGE_PAGE,
        _ => 0,
    };
    let (mut at, mut sum) = (at, 0);
    for &(file_offset, length) in pieces {
        if at.wrapping_sub(file_offset) % HUGE_PAGE == address {
            sum += units(at, length);
        }
        at += round_up(length, page);
    }
    sum
}

/// The bytes of the whole units of 2 MiB from `start` on.
fn units(start: u64, length: u64) -> u64 {
    let first = round_up(start, HUGE_PAGE);
    let end = start.saturating_add(round_up(length, SMALL_PAGE));
    (end / HUGE_PAGE * HUGE_PAGE).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test]
    fn a_file_of_one_piece_begins_at_a_huge_page() {
        assert_eq!(Alignment::of_dense(HUGE_PAGE - 1), None);
        let aligned = Alignment::of_dense(HUGE_PAGE).unwrap();
        assert_eq!((aligned.phase, aligned.bytes), (0, HUGE_PAGE));
    }

    #[test]
    fn a_file_of_one_piece_has_huge_pages_wherever_it_lies() {
        let whole = [(0, 3 * HUGE_PAGE - 1)];
        assert_eq!(mapped(&whole, 5 * HUGE_PAGE, PAGE), 3 * HUGE_PAGE);
        assert_eq!(mapped(&whole, 5 * HUGE_PAGE + PAGE, PAGE), 2 * HUGE_PAGE);
        assert_eq!(mapped(&[(0, HUGE_PAGE)], PAGE, PAGE), 0);
    }

    #[test]
    fn a_piece_behind_a_hole_lies_as_far_beyond_a_huge_page_as_in_the_file() {
        let pieces = [(3 * PAGE, 3 * HUGE_PAGE)];
        let aligned = Alignment::of_sparse(&pieces, PAGE).unwrap();
        assert_eq!((aligned.phase, aligned.bytes), (3 * PAGE, 2 * HUGE_PAGE));
        let at = 7 * HUGE_PAGE + 3 * PAGE;
        assert_eq!(mapped(&pieces, at, PAGE), 2 * HUGE_PAGE);
        assert_eq!(mapped(&pieces, at + PAGE, PAGE), 0);
    }

    #[test]
    fn the_pieces_that_gain_most_decide() {
        // The second lies right behind the page of the first, as do the third and the fourth.
        let pieces = [
            (PAGE, 1),
            (HUGE_PAGE, HUGE_PAGE),
            (5 * HUGE_PAGE, 2 * HUGE_PAGE),
            (9 * HUGE_PAGE + 7 * PAGE, 3 * HUGE_PAGE - 7 * PAGE),
        ];
        let aligned = Alignment::of_sparse(&pieces, PAGE).unwrap();
        let phase = HUGE_PAGE - PAGE;
        assert_eq!((aligned.phase, aligned.bytes), (phase, 3 * HUGE_PAGE));
        assert_eq!(mapped(&pieces, phase, PAGE), 3 * HUGE_PAGE);
    }

    /// The address of a mapping follows what is mapped first.
    #[test]
    fn what_a_file_begins_with_decides_for_the_rest() {
        let in_line = (4 * HUGE_PAGE, 2 * HUGE_PAGE);
        let not = (9 * HUGE_PAGE + PAGE, 5 * HUGE_PAGE);
        let pieces = [(0, HUGE_PAGE), in_line, not];
        let aligned = Alignment::of_sparse(&pieces, PAGE).unwrap();
        assert_eq!((aligned.phase, aligned.bytes), (0, 3 * HUGE_PAGE));
        assert_eq!(mapped(&pieces, 6 * HUGE_PAGE, PAGE), 3 * HUGE_PAGE);
        assert_eq!(mapped(&pieces, 6 * HUGE_PAGE + PAGE, PAGE), HUGE_PAGE);
        assert_eq!(Alignment::of_sparse(&[(0, PAGE + 1), not], PAGE), None);
    }

    #[test]
    fn what_has_no_whole_unit_wants_nothing() {
        let pieces = [(PAGE, HUGE_PAGE), (4 * HUGE_PAGE, HUGE_PAGE - PAGE)];
        assert_eq!(Alignment::of_sparse(&pieces, PAGE), None);
        assert_eq!(Alignment::of_sparse(&[], PAGE), None);
    }
}
