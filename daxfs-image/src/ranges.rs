// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges of an image that lie apart.
//!
//! What lies apart fits the image together, whatever its parts are. So who reads no byte for two
//! objects is done in a time, and takes memory, that the length of the image bounds.

use std::collections::BTreeMap;

/// Ranges of which no two overlap.
#[derive(Debug, Default)]
pub struct Ranges {
    /// The end of each by its start.
    ends: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds `length` bytes from `start` on, unless one of them lies in a range that is there; returns
    /// whether they were added. No bytes lie apart from everything.
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
    fn ranges_that_share_a_byte_do_not_lie_apart() {
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
