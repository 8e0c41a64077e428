// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents that belong to more than one file.

use daxfs_format::{ContentId, Image, Memory, Xxh64};

/// The number of inodes that have each content.
#[derive(Debug)]
pub struct Sharing {
    /// By content number. Content numbers do not exceed the number of inodes.
    counts: Vec<u32>,
}

impl Sharing {
    /// No inode has been counted; there is room for every content of the image.
    #[must_use]
    pub fn new<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let inodes = usize::try_from(image.inode_count()).unwrap_or(usize::MAX);
        let counts = vec![0; inodes.saturating_add(1)];
        Self { counts }
    }

    /// Counts all inodes. Those that cannot be read have no content.
    #[must_use]
    pub fn read<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let mut sharing = Self::new(image);
        for ino in image.inode_numbers() {
            if let Some(content) = image.inode(ino).ok().and_then(|inode| inode.content) {
                sharing.add(content);
            }
        }
        sharing
    }

    /// Counts one more inode with a content, and returns their number; 1 for a number that no
    /// content of the image can have.
    pub fn add(&mut self, content: ContentId) -> u32 {
        self.counts.get_mut(slot(content)).map_or(1, |count| {
            *count += 1;
            *count
        })
    }

    /// The number of inodes that have a content.
    #[must_use]
    pub fn count(&self, content: ContentId) -> u32 {
        self.counts.get(slot(content)).copied().unwrap_or_default()
    }

    /// The number of inodes whose content another one has too.
    #[must_use]
    pub fn sharers(&self) -> u64 {
        let shared = self.counts.iter().filter(|&&count| count > 1);
        shared.map(|&count| u64::from(count)).sum()
    }
}

fn slot(content: ContentId) -> usize {
    usize::try_from(content.get()).unwrap_or(usize::MAX)
}
