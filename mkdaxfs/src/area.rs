// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data section: where contents are placed.
//!
//! Files that huge pages can map are aligned for it ([`huge`](crate::huge)). The gap that this leaves is filled with smaller files, the largest that fit first; a file is aligned only
//! if there are enough of them, or if what stays empty is small beside the file. Every other file goes
//! to the smallest gap that takes it, and to the end if none does.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use daxfs_format::limits::HUGE_PAGE;

use crate::huge::Alignment;
use crate::num::round_up;
use crate::options::HugeAlign;

/// Padding that nothing fills may be this part of the file that it aligns.
const WORTH: u64 = 8;

/// The data section as it grows.
#[derive(Debug)]
pub(crate) struct Area {
    page: u64,
    end: u64,
    /// Length and start of each gap.
    gaps: BTreeSet<(u64, u64)>,
}

impl Area {
    /// An empty section at `start`, a multiple of `page`.
    pub(crate) fn new(start: u64, page: u64) -> Self {
        Self {
            page,
            end: start,
            gaps: BTreeSet::new(),
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How many bytes no content has been placed in.
    pub(crate) fn unused(&self) -> u64 {
        self.gaps.iter().map(|&(length, _)| length).sum()
    }

    /// Places `length` bytes, which are not 0, where they cost least.
    pub(crate) fn place(&mut self, length: u64) -> u64 {
        let length = round_up(length, self.page);
        let Some(&gap) = self.gaps.range((length, 0)..).next() else {
            return self.append(length);
        };
        self.gaps.remove(&gap);
        let (room, at) = gap;
        self.add_gap(at + length, room - length);
        at
    }

    /// Places `length` bytes at the end.
    fn append(&mut self, length: u64) -> u64 {
        let at = self.end;
        self.end += round_up(length, self.page);
        at
    }

    /// Places `length` bytes at the next place after the end that is `phase` bytes beyond a huge page's.
    fn place_aligned(&mut self, length: u64, phase: u64) -> u64 {
        let gap = self.gap_before_aligned(phase);
        let at = self.end + gap;
        self.add_gap(self.end, gap);
        self.end = at + round_up(length, self.page);
        at
    }

    fn add_gap(&mut self, start: u64, length: u64) {
        if length != 0 {
            self.gaps.insert((length, start));
        }
    }

    /// The bytes that aligning the next file would leave empty.
    fn gap_before_aligned(&self, phase: u64) -> u64 {
        phase.wrapping_sub(self.end) % HUGE_PAGE
    }
}

/// A large content to be placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    pub(crate) length: u64,
    /// What it wants to be mapped by huge pages.
    pub(crate) alignment: Option<Alignment>,
}

/// What can fill the gaps that alignment leaves.
struct Filler {
    /// Length in whole pages, and number, of each large content that is not aligned.
    large: BTreeSet<(u64, usize)>,
    /// The bytes of the contents that are placed later; they fit nearly everywhere.
    small: u64,
}

impl Filler {
    /// Contents for a gap, the largest that fit first, and the bytes that they leave.
    fn choose(&self, gap: u64) -> (Vec<(u64, usize)>, u64) {
        let (mut chosen, mut room, mut bound) = (Vec::new(), gap, (gap + 1, 0));
        while let Some(&next) = self.large.range(..bound).next_back() {
            chosen.push(next);
            room -= next.0;
            bound = next.min((room + 1, 0));
        }
        (chosen, room)
    }
}

/// Places the large contents, and returns the place of each. `small` is the sum of the lengths, each
/// rounded up to pages, of the contents that will be placed afterwards.
pub(crate) fn place_large(
    area: &mut Area,
    large: &[Large],
    small: u64,
    huge_align: HugeAlign,
) -> Vec<u64> {
    let mut places = vec![0; large.len()];
    let (mut candidates, mut others) = (Vec::new(), Vec::new());
    for (at, one) in large.iter().enumerate().filter(|(_, one)| one.length != 0) {
        match (huge_align, one.alignment) {
            (HugeAlign::Auto, Some(alignment)) => candidates.push((at, alignment)),
            _ => others.push(at),
        }
    }
    let lengths = others
        .iter()
        .map(|&at| (round_up(large[at].length, area.page), at));
    let mut filler = Filler {
        large: lengths.collect(),
        small,
    };
    let mut placed = BTreeSet::new();
    candidates.sort_by_key(|&(at, _)| Reverse(large[at].length));
    for (at, Alignment { phase, bytes }) in candidates {
        let (chosen, room) = filler.choose(area.gap_before_aligned(phase));
        let empty = room.saturating_sub(filler.small);
        if empty > bytes / WORTH {
            others.push(at);
            continue;
        }
        filler.small -= room - empty;
        for one in chosen {
            filler.large.remove(&one);
            placed.insert(one.1);
            places[one.1] = area.append(one.0);
        }
        places[at] = area.place_aligned(large[at].length, phase);
    }
    others.retain(|at| !placed.contains(at));
    if !area.gaps.is_empty() {
        others.sort_by_key(|&at| Reverse(large[at].length));
    }
    for at in others {
        places[at] = area.place(large[at].length);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGE: u64 = 4096;

    fn large(lengths: &[u64]) -> Vec<Large> {
        lengths
            .iter()
            .map(|&length| Large {
                length,
                alignment: Alignment::of_dense(length),
            })
            .collect()
    }

    #[test]
    fn small_files_fill_the_gaps_that_alignment_leaves() {
        let mut area = Area::new(PAGE, PAGE);
        let places = place_large(
            &mut area,
            &large(&[3 << 20, 5 << 20]),
            8 << 20,
            HugeAlign::Auto,
        );
        assert_eq!(places, [8 << 20, 2 << 20]);
        let end = area.end;
        while area.unused() != 0 {
            assert!(area.place(PAGE) < end);
        }
        assert_eq!(area.place(PAGE), end);
    }

    #[test]
    fn a_file_is_not_aligned_at_the_cost_of_its_own_size() {
        let mut area = Area::new(PAGE, PAGE);
        let lengths = [HUGE_PAGE + PAGE; 3];
        let places = place_large(&mut area, &large(&lengths), 0, HugeAlign::Auto);
        assert_eq!(places, [PAGE, PAGE + lengths[0], PAGE + 2 * lengths[0]]);
        assert_eq!(area.unused(), 0);
    }

    #[test]
    fn a_file_that_does_not_fit_fills_no_gap() {
        let mut area = Area::new(84 * PAGE, PAGE);
        let lengths = [428 * PAGE + 1, HUGE_PAGE];
        let places = place_large(&mut area, &large(&lengths), 0, HugeAlign::Auto);
        assert_eq!(places, [84 * PAGE, 513 * PAGE]);
        assert_eq!(area.unused(), 0);
    }

    #[test]
    fn a_very_large_file_is_aligned_even_if_nothing_fills_the_gap() {
        let mut area = Area::new(PAGE, PAGE);
        let places = place_large(&mut area, &large(&[1 << 30]), 0, HugeAlign::Auto);
        assert_eq!(places, [HUGE_PAGE]);
        let mut area = Area::new(PAGE, PAGE);
        assert_eq!(
            place_large(&mut area, &large(&[1 << 30]), 0, HugeAlign::Off),
            [PAGE]
        );
    }

    #[test]
    fn what_no_huge_page_can_map_is_not_aligned() {
        let mut area = Area::new(PAGE, PAGE);
        let sparse = [Large {
            length: 1 << 30,
            alignment: None,
        }];
        assert_eq!(place_large(&mut area, &sparse, 0, HugeAlign::Auto), [PAGE]);
    }

    #[test]
    fn a_phase_is_kept() {
        let mut area = Area::new(PAGE, PAGE);
        let phase = HUGE_PAGE - PAGE;
        let one = Large {
            length: 3 * HUGE_PAGE,
            alignment: Some(Alignment {
                phase,
                bytes: 2 * HUGE_PAGE,
            }),
        };
        let places = place_large(&mut area, &[one, one], HUGE_PAGE, HugeAlign::Auto);
        assert_eq!(places, [phase, phase + 3 * HUGE_PAGE]);
        assert_eq!(area.unused(), phase - PAGE);
    }

    #[test]
    fn the_smallest_gap_that_fits_is_taken() {
        let mut area = Area::new(0, PAGE);
        area.end = 100 * PAGE;
        for (start, length) in [(0, 9 * PAGE), (20 * PAGE, 3 * PAGE), (40 * PAGE, 5 * PAGE)] {
            area.add_gap(start, length);
        }
        assert_eq!(area.place(3 * PAGE - 1), 20 * PAGE);
        assert_eq!(area.place(4 * PAGE), 40 * PAGE);
        assert_eq!(area.place(PAGE), 44 * PAGE);
        assert_eq!(area.place(10 * PAGE), 100 * PAGE);
    }

    proptest! {
        #[test]
        fn contents_are_aligned_do_not_overlap_and_waste_little(
            start in 1_u64..600,
            sizes in proptest::collection::vec(1_u64..9 << 20, 0..40),
            small in proptest::collection::vec(1_u64..300_000, 0..400),
            shift in 12_u32..=16,
        ) {
            let page = 1 << shift;
            let mut area = Area::new(start * page, page);
            let list = large(&sizes);
            let sum = small.iter().map(|&length| round_up(length, page)).sum();
            let mut places = place_large(&mut area, &list, sum, HugeAlign::Auto);
            places.extend(small.iter().map(|&length| area.place(length)));
            let all: Vec<u64> = sizes.iter().chain(&small).copied().collect();
            let mut ranges: Vec<(u64, u64)> = places
                .iter()
                .zip(&all)
                .map(|(&at, &length)| (at, at + round_up(length, page)))
                .collect();
            ranges.sort_unstable();
            prop_assert!(ranges.first().is_none_or(|first| first.0 >= start * page));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(places.iter().all(|at| at % page == 0));
            prop_assert!(ranges.last().is_none_or(|last| last.1 == area.end));
            let used: u64 = ranges.iter().map(|(start, end)| end - start).sum();
            prop_assert_eq!(used + area.unused(), area.end - start * page);
            // Gaps that small files were counted on to fill may keep what is smaller than each of them.
            let aligned: u64 = places.iter().zip(&all)
                .filter(|&(at, &length)| at % HUGE_PAGE == 0 && length >= HUGE_PAGE)
                .map(|(_, length)| length / WORTH + 300_000)
                .sum();
            prop_assert!(area.unused() <= aligned, "{} of {aligned}", area.unused());
        }
    }
}
