// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which bytes of a file huge pages can map.
//!
//! A huge page maps 2 MiB of a file that begin at a multiple of 2 MiB in the file, and lie in one piece at
//! a multiple of 2 MiB in the image. A file in one piece therefore begins at such a place; a piece of a
//! sparse file that begins elsewhere in the file wants to lie as far beyond such a place.

use std::collections::BTreeMap;

use daxfs_format::limits::HUGE_PAGE;

use crate::num::round_up;
use crate::tree::Piece;

/// What alignment a content wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alignment {
    /// How far beyond a multiple of 2 MiB it begins, in bytes; less than 2 MiB.
    pub(crate) phase: u64,
    /// How many of its bytes huge pages can map then.
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
        let mut gains = BTreeMap::new();
        let mut before = 0;
        for &(file_offset, length) in pieces {
            let length = round_up(length, page);
            let phase = file_offset.wrapping_sub(before) % HUGE_PAGE;
            // A phase that only aligns nothing is none.
            match units(file_offset, length) {
                0 => {}
                bytes => *gains.entry(phase).or_insert(0) += bytes,
            }
            before += length;
        }
        let best = gains
            .into_iter()
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(phase, bytes)| Self { phase, bytes })
    }
}

/// How many bytes huge pages can map of `length` bytes, whole pages, that lie at `at` in the image.
pub(crate) fn mapped(file_offset: u64, at: u64, length: u64) -> u64 {
    if at % HUGE_PAGE == file_offset % HUGE_PAGE {
        units(file_offset, length)
    } else {
        0
    }
}

/// The bytes of the whole units of 2 MiB among `length` bytes of a file.
fn units(file_offset: u64, length: u64) -> u64 {
    let first = round_up(file_offset, HUGE_PAGE);
    let end = file_offset.saturating_add(length) / HUGE_PAGE * HUGE_PAGE;
    end.saturating_sub(first)
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
    fn a_piece_lies_as_far_beyond_a_huge_page_as_in_the_file() {
        let pieces = [(3 * PAGE, 3 * HUGE_PAGE)];
        let aligned = Alignment::of_sparse(&pieces, PAGE).unwrap();
        assert_eq!((aligned.phase, aligned.bytes), (3 * PAGE, 2 * HUGE_PAGE));
        let at = 7 * HUGE_PAGE + 3 * PAGE;
        assert_eq!(mapped(3 * PAGE, at, 3 * HUGE_PAGE), 2 * HUGE_PAGE);
        assert_eq!(mapped(3 * PAGE, at + PAGE, 3 * HUGE_PAGE), 0);
    }

    #[test]
    fn the_pieces_that_gain_most_decide() {
        // The second lies right behind the page of the first, as do the third and the fourth.
        let pieces = [
            (0, 1),
            (HUGE_PAGE, HUGE_PAGE),
            (5 * HUGE_PAGE, 2 * HUGE_PAGE),
            (9 * HUGE_PAGE + 7 * PAGE, 3 * HUGE_PAGE - 7 * PAGE),
        ];
        let aligned = Alignment::of_sparse(&pieces, PAGE).unwrap();
        let phase = HUGE_PAGE - PAGE;
        assert_eq!((aligned.phase, aligned.bytes), (phase, 3 * HUGE_PAGE));
    }

    #[test]
    fn what_has_no_whole_unit_wants_nothing() {
        let pieces = [(PAGE, HUGE_PAGE), (4 * HUGE_PAGE, HUGE_PAGE - PAGE)];
        assert_eq!(Alignment::of_sparse(&pieces, PAGE), None);
        assert_eq!(Alignment::of_sparse(&[], PAGE), None);
    }
}
