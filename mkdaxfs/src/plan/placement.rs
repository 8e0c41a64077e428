// SPDX-License-Identifier: MIT OR Apache-2.0
//! Placing large contents in the data section.
//!
//! Contents that huge pages can map are aligned for it ([`huge`](super::huge)). The gap that this
//! leaves is filled with smaller contents, the largest that fit first. A content is aligned only if
//! there are enough of them, or if the bytes that stay empty are few beside its own. Every other
//! content goes to the smallest gap that takes it, and to the end if none does.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::area::Area;
use super::huge::Alignment;
use super::offset::ImageOffset;
use crate::options::HugeAlign;

/// Padding that stays empty may be this part of the content that it aligns.
const WORTH: u64 = 8;

/// A large content to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Large {
    /// Length in the data section, in bytes.
    pub(super) length: u64,
    /// The alignment with which huge pages map it.
    pub(super) alignment: Option<Alignment>,
}

/// Places contents, and returns the offset of each. `small` is the sum of the lengths, each rounded
/// up to pages, of the contents that will be placed afterwards.
pub(super) fn place(
    area: &mut Area,
    large: &[Large],
    small: u64,
    huge_align: HugeAlign,
) -> Vec<ImageOffset> {
    let (candidates, others) = split(large, huge_align);
    let mut placer = Placer {
        filler: Filler::new(large, &others, small, area),
        offsets: vec![ImageOffset::default(); large.len()],
        area,
        large,
        placed: BTreeSet::new(),
    };
    let rejected = placer.place_aligned(candidates);
    placer.place_others(others, rejected);
    placer.offsets
}

/// An index in the list of contents.
type Index = usize;

/// The contents with an alignment, the largest first, and the others in their order.
fn split(large: &[Large], huge_align: HugeAlign) -> (Vec<(Index, Alignment)>, Vec<Index>) {
    let (mut candidates, mut others) = (Vec::new(), Vec::new());
    for (at, one) in large.iter().enumerate().filter(|(_, one)| one.length != 0) {
        match (huge_align, one.alignment) {
            (HugeAlign::Auto, Some(alignment)) => candidates.push((at, alignment)),
            _ => others.push(at),
        }
    }
    candidates.sort_by_key(|&(at, _)| Reverse(large[at].length));
    (candidates, others)
}

/// The state of a placement.
struct Placer<'a> {
    area: &'a mut Area,
    large: &'a [Large],
    filler: Filler,
    offsets: Vec<ImageOffset>,
    /// The contents that fill gaps.
    placed: BTreeSet<Index>,
}

impl Placer<'_> {
    /// Places the candidates that are worth their alignment, and returns the others.
    fn place_aligned(&mut self, candidates: Vec<(Index, Alignment)>) -> Vec<Index> {
        let mut rejected = Vec::new();
        for (at, alignment) in candidates {
            let gap = self.area.gap_before_aligned(alignment.phase);
            let choice = self.filler.choose(gap);
            if self.filler.empty(&choice) > alignment.bytes / WORTH {
                rejected.push(at);
                continue;
            }
            self.fill(choice);
            let length = self.large[at].length;
            self.offsets[at] = self.area.append_aligned(length, alignment.phase);
        }
        rejected
    }

    /// Appends the contents that fill a gap.
    fn fill(&mut self, choice: Choice) {
        self.filler.take(&choice);
        for (length, at) in choice.contents {
            self.placed.insert(at);
            self.offsets[at] = self.area.append(length);
        }
    }

    /// Places everything else.
    fn place_others(&mut self, mut others: Vec<Index>, rejected: Vec<Index>) {
        others.extend(rejected);
        others.retain(|at| !self.placed.contains(at));
        if self.area.has_gaps() {
            others.sort_by_key(|&at| Reverse(self.large[at].length));
        }
        for at in others {
            self.offsets[at] = self.area.place(self.large[at].length);
        }
    }
}

/// The contents that can fill the gaps that alignment leaves.
struct Filler {
    /// Length in whole pages, and index, of each large content that is not aligned.
    large: BTreeSet<(u64, Index)>,
    /// Number of bytes of the contents that are placed later. They fit nearly everywhere.
    small: u64,
}

/// The contents that fill a gap.
struct Choice {
    contents: Vec<(u64, Index)>,
    /// Number of bytes of the gap that they leave.
    room: u64,
}

impl Filler {
    fn new(large: &[Large], others: &[Index], small: u64, area: &Area) -> Self {
        let lengths = others
            .iter()
            .map(|&at| (area.page().round_up(large[at].length), at));
        Self {
            large: lengths.collect(),
            small,
        }
    }

    /// Contents for a gap, the largest that fit first.
    fn choose(&self, gap: u64) -> Choice {
        let (mut contents, mut room, mut bound) = (Vec::new(), gap, (gap + 1, 0));
        while let Some(&next) = self.large.range(..bound).next_back() {
            contents.push(next);
            room -= next.0;
            bound = next.min((room + 1, 0));
        }
        Choice { contents, room }
    }

    /// Number of bytes of a gap that small contents cannot fill either.
    fn empty(&self, choice: &Choice) -> u64 {
        choice.room.saturating_sub(self.small)
    }

    /// Uses up the contents of a choice, and the small contents for the rest.
    fn take(&mut self, choice: &Choice) {
        self.small -= choice.room.min(self.small);
        for one in &choice.contents {
            self.large.remove(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PageSize;
    use daxfs_format::limits::HUGE_PAGE;
    use proptest::prelude::*;

    const PAGE: u64 = 4096;

    fn area(start: u64) -> Area {
        Area::new(ImageOffset(start), PageSize::K4)
    }

    fn large(lengths: &[u64]) -> Vec<Large> {
        lengths
            .iter()
            .map(|&length| Large {
                length,
                alignment: Alignment::of_dense(length),
            })
            .collect()
    }

    fn offsets(area: &mut Area, large: &[Large], small: u64) -> Vec<u64> {
        let offsets = place(area, large, small, HugeAlign::Auto);
        offsets.iter().map(|offset| offset.0).collect()
    }

    #[test]
    fn small_files_fill_the_gaps_that_alignment_leaves() {
        let mut area = area(PAGE);
        let placed = offsets(&mut area, &large(&[3 << 20, 5 << 20]), 8 << 20);
        assert_eq!(placed, [8 << 20, 2 << 20]);
        let end = area.end();
        while area.unused() != 0 {
            assert!(area.place(PAGE) < end);
        }
        assert_eq!(area.place(PAGE), end);
    }

    #[test]
    fn a_file_is_not_aligned_at_the_cost_of_its_own_size() {
        let mut area = area(PAGE);
        let lengths = [HUGE_PAGE + PAGE; 3];
        let placed = offsets(&mut area, &large(&lengths), 0);
        assert_eq!(placed, [PAGE, PAGE + lengths[0], PAGE + 2 * lengths[0]]);
        assert_eq!(area.unused(), 0);
    }

    #[test]
    fn a_file_that_does_not_fit_fills_no_gap() {
        let mut area = area(84 * PAGE);
        let lengths = [428 * PAGE + 1, HUGE_PAGE];
        let placed = offsets(&mut area, &large(&lengths), 0);
        assert_eq!(placed, [84 * PAGE, 513 * PAGE]);
        assert_eq!(area.unused(), 0);
    }

    #[test]
    fn a_very_large_file_is_aligned_even_if_nothing_fills_the_gap() {
        let one = large(&[1 << 30]);
        assert_eq!(offsets(&mut area(PAGE), &one, 0), [HUGE_PAGE]);
        let off = place(&mut area(PAGE), &one, 0, HugeAlign::Off);
        assert_eq!(off, [ImageOffset(PAGE)]);
    }

    #[test]
    fn a_content_that_no_huge_page_can_map_is_not_aligned() {
        let sparse = [Large {
            length: 1 << 30,
            alignment: None,
        }];
        assert_eq!(offsets(&mut area(PAGE), &sparse, 0), [PAGE]);
    }

    #[test]
    fn a_phase_is_kept() {
        let mut area = area(PAGE);
        let phase = HUGE_PAGE - PAGE;
        let one = Large {
            length: 3 * HUGE_PAGE,
            alignment: Some(Alignment {
                phase,
                bytes: 2 * HUGE_PAGE,
            }),
        };
        let placed = offsets(&mut area, &[one, one], HUGE_PAGE);
        assert_eq!(placed, [phase, phase + 3 * HUGE_PAGE]);
        assert_eq!(area.unused(), phase - PAGE);
    }

    const PAGE_SIZES: [PageSize; 3] = [PageSize::K4, PageSize::K16, PageSize::K64];

    proptest! {
        #[test]
        fn contents_are_aligned_do_not_overlap_and_waste_little(
            start in 1_u64..600,
            sizes in proptest::collection::vec(1_u64..9 << 20, 0..40),
            small in proptest::collection::vec(1_u64..300_000, 0..400),
            size in 0_usize..PAGE_SIZES.len(),
        ) {
            let page = PAGE_SIZES[size];
            let start = start * page.bytes();
            let mut area = Area::new(ImageOffset(start), page);
            let sum = small.iter().map(|&length| page.round_up(length)).sum();
            let mut placed = offsets(&mut area, &large(&sizes), sum);
            placed.extend(small.iter().map(|&length| area.place(length).0));
            let all: Vec<u64> = sizes.iter().chain(&small).copied().collect();
            let mut ranges: Vec<(u64, u64)> = placed
                .iter()
                .zip(&all)
                .map(|(&at, &length)| (at, at + page.round_up(length)))
                .collect();
            ranges.sort_unstable();
            prop_assert!(ranges.first().is_none_or(|first| first.0 >= start));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(placed.iter().all(|at| at % page.bytes() == 0));
            prop_assert!(ranges.last().is_none_or(|last| last.1 == area.end().0));
            let used: u64 = ranges.iter().map(|(start, end)| end - start).sum();
            prop_assert_eq!(used + area.unused(), area.end().0 - start);
            // A gap that small files were counted on to fill may keep less than each of them takes.
            let aligned: u64 = placed.iter().zip(&all)
                .filter(|&(at, &length)| at % HUGE_PAGE == 0 && length >= HUGE_PAGE)
                .map(|(_, length)| length / WORTH + 300_000)
                .sum();
            prop_assert!(area.unused() <= aligned, "{} of {aligned}", area.unused());
        }
    }
}
