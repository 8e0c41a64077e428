// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of inode numbers.

use daxfs_format::{Image, Ino, Memory, Xxh64};

/// A set of inode numbers of one image, of a bit for each.
#[derive(Debug)]
pub struct InodeSet(Vec<u64>);

impl InodeSet {
    /// The empty set, with room for every inode of the image.
    #[must_use]
    pub fn new<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let words = usize::try_from(image.inode_count() / 64 + 1).unwrap_or(usize::MAX);
        Self(vec![0; words])
    }

    /// Adds a number. Returns true if it was not in the set before. A number far beyond those of the
    /// image is not added.
    pub fn insert(&mut self, ino: Ino) -> bool {
        let (word, bit) = Self::position(ino);
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Returns true if a number is in the set.
    #[must_use]
    pub fn contains(&self, ino: Ino) -> bool {
        let (word, bit) = Self::position(ino);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn position(ino: Ino) -> (usize, u64) {
        let word = usize::try_from(ino.get() / 64).unwrap_or(usize::MAX);
        (word, 1 << (ino.get() % 64))
    }
}
