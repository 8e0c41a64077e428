// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which contents belong to more than one file.

use daxfs_image::format::{ContentId, Image, Memory, Xxh64};

/// How many inodes have each content.
#[derive(Debug)]
pub struct Sharing {
    /// By content number. Content numbers do not exceed the number of inodes.
    counts: Vec<u32>,
}

impl Sharing {
    /// Reads all inodes. Those that cannot be read have no content.
    #[must_use]
    pub fn read<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let slots = usize::try_from(image.inode_count())
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let mut counts = vec![0; slots];
        for ino in image.inode_numbers() {
            let content = image.inode(ino).ok().and_then(|inode| inode.content);
            if let Some(count) = content.and_then(|content| counts.get_mut(slot(content))) {
                *count += 1;
            }
        }
        Self { counts }
    }

    /// How many inodes have this content.
    #[must_use]
    pub fn count(&self, content: ContentId) -> u32 {
        self.counts.get(slot(content)).copied().unwrap_or_default()
    }
}

fn slot(content: ContentId) -> usize {
    usize::try_from(content.get()).unwrap_or(usize::MAX)
}
