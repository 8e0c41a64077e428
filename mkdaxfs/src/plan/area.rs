// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data section as it grows, with the gaps that alignment has left.

use std::collections::BTreeSet;

use daxfs_format::limits::HUGE_PAGE;

use super::offset::ImageOffset;
use crate::options::PageSize;

/// The data section as it grows.
#[derive(Debug)]
pub(crate) struct Area {
    page: PageSize,
    end: ImageOffset,
    gaps: BTreeSet<Gap>,
}

/// A gap; the shortest come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gap {
    /// Length in bytes.
    length: u64,
    start: ImageOffset,
}

impl Area {
    /// An empty section at `start`, a multiple of `page`.
    pub(crate) fn new(start: ImageOffset, page: PageSize) -> Self {
        Self {
            page,
            end: start,
            gaps: BTreeSet::new(),
        }
    }

    /// The page that contents are aligned to.
    pub(crate) fn page(&self) -> PageSize {
        self.page
    }

    /// The offset behind all contents.
    pub(crate) fn end(&self) -> ImageOffset {
        self.end
    }

    /// Returns true if there are gaps.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Number of bytes in gaps.
    pub(crate) fn unused(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.length).sum()
    }

    /// Places `length` bytes, which are not 0: in the smallest gap that takes them, or else at the
    /// end.
    pub(crate) fn place(&mut self, length: u64) -> ImageOffset {
        let length = self.page.round_up(length);
        let smallest = Gap {
            length,
            start: ImageOffset(0),
        };
        let Some(&gap) = self.gaps.range(smallest..).next() else {
            return self.append(length);
        };
        self.gaps.remove(&gap);
        self.add_gap(gap.start.after(length), gap.length - length);
        gap.start
    }

    /// Places `length` bytes at the end.
    pub(super) fn append(&mut self, length: u64) -> ImageOffset {
        let offset = self.end;
        self.end = offset.after(self.page.round_up(length));
        offset
    }

    /// Places `length` bytes at the next offset that is `phase` bytes after a multiple of 2 MiB.
    pub(super) fn append_aligned(&mut self, length: u64, phase: u64) -> ImageOffset {
        let gap = self.gap_before_aligned(phase);
        self.add_gap(self.end, gap);
        self.end = self.end.after(gap);
        self.append(length)
    }

    /// Number of bytes that [`Self::append_aligned`] would leave empty.
    pub(super) fn gap_before_aligned(&self, phase: u64) -> u64 {
        phase.wrapping_sub(self.end.0) % HUGE_PAGE
    }

    fn add_gap(&mut self, start: ImageOffset, length: u64) {
        if length != 0 {
            self.gaps.insert(Gap { length, start });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    #[test]
    fn the_smallest_gap_that_fits_is_taken() {
        let mut area = Area::new(ImageOffset(0), PageSize::K4);
        area.end = ImageOffset(100 * PAGE);
        for (start, length) in [(0, 9 * PAGE), (20 * PAGE, 3 * PAGE), (40 * PAGE, 5 * PAGE)] {
            area.add_gap(ImageOffset(start), length);
        }
        assert_eq!(area.place(3 * PAGE - 1).0, 20 * PAGE);
        assert_eq!(area.place(4 * PAGE).0, 40 * PAGE);
        assert_eq!(area.place(PAGE).0, 44 * PAGE);
        assert_eq!(area.place(10 * PAGE).0, 100 * PAGE);
    }
}
