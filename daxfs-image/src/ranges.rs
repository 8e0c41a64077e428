// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges of an image that do not overlap.
//!
//! Ranges without overlap fit the image together. So a reader that reads no byte for two objects
//! needs time and memory that the length of the image bounds.

use std::collections::BTreeMap;

/// Ranges of which no two overlap.
#[derive(Debug, Default)]
pub struct Ranges {
    /// The end of each by its start.
    ends: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds `length` bytes from `start` on, unless one of them lies in a range that was added
    /// before. Returns true if they were added. An empty range overlaps nothing.
    pub fn insert(&mut self, start: u64, length: u64) -> bool {
        let end = start.saturating_add(length);
        let before = self.ends.range(..end).next_back();
        if length != 0 && before.is_some_and(|(_, &taken)| taken > start) {
            return false;
        }
        if length != 0 {
            self.ends.insert(start, end);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_share_a_byte_overlap() {
        let mut ranges = Ranges::default();
        for (start, length) in [(10, 10), (30, 10), (20, 10), (5, 5), (0, 0), (15, 0)] {
            assert!(ranges.insert(start, length), "{start} {length}");
        }
        for (start, length) in [(10, 10), (9, 2), (39, 5), (12, 3), (0, 100), (4, 2)] {
            assert!(!ranges.insert(start, length), "{start} {length}");
        }
        assert!(ranges.insert(40, 1) && ranges.insert(0, 5));
    }
}
