// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges of physical addresses.

use daxfs_image::format::limits::HUGE_PAGE;

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first address.
    pub start: u64,
    /// The last address.
    pub last: u64,
}

impl Range {
    /// The range of `size` bytes from `start` on, if there is one.
    #[must_use]
    pub fn of(start: u64, size: u64) -> Option<Self> {
        let last = start.checked_add(size.checked_sub(1)?)?;
        Some(Self { start, last })
    }

    /// The length in bytes. That of the whole address space is reported as one less.
    #[must_use]
    pub fn size(self) -> u64 {
        (self.last - self.start).saturating_add(1)
    }

    /// The part that a mount can take: from the first multiple of 2 MiB on, if 2 MiB are left.
    #[must_use]
    pub fn mountable(self) -> Option<Self> {
        let start = self.start.checked_next_multiple_of(HUGE_PAGE)?;
        let range = Self { start, ..self };
        (start <= self.last && range.size() >= HUGE_PAGE).then_some(range)
    }

    /// Returns true if the ranges have an address in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.start <= other.last && other.start <= self.last
    }
}
