// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contents of regular files: their locations, their digests, and the files that share them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU32;

use super::offset::ImageOffset;
use crate::num::to_usize;
use crate::tree::node::NodeId;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// A content in the order in which it was found, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentIndex(NonZeroU32);

impl ContentIndex {
    /// The content's index in a table of all contents.
    pub(crate) fn index(self) -> usize {
        to_usize(self.0.get() - 1)
    }
}

/// A content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    /// Size in bytes, holes included.
    pub(crate) size: u64,
    pub(crate) location: Location,
}

/// The layout of a content, with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Packed(ImageOffset),
    Direct(ImageOffset),
    /// The offset of its first extent. The others follow, each from the next page on.
    Sparse(ImageOffset),
}

impl Location {
    /// The offset of the content's first byte.
    pub(crate) fn offset(self) -> ImageOffset {
        let (Self::Packed(offset) | Self::Direct(offset) | Self::Sparse(offset)) = self;
        offset
    }
}

/// The contents, in the order in which they were found. [`Contents::number`] makes the order
/// independent of that.
#[derive(Debug)]
pub(crate) struct Contents {
    list: Vec<Content>,
    /// The content of each node.
    of: Vec<Option<ContentIndex>>,
    /// Contents that others may share, by the first eight bytes of their digests.
    known: HashMap<u64, ContentIndex, BuildHasherDefault<First>>,
}

/// The order of contents in the image.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// The number of each content, from 1.
    numbers: Vec<u32>,
    /// The contents in the order of their numbers.
    pub(crate) order: Vec<ContentIndex>,
}

impl Contents {
    /// No contents yet, for a tree with that many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            list: Vec::new(),
            of: vec![None; nodes],
            known: HashMap::default(),
        }
    }

    /// The number of contents.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }

    /// States the content of a file.
    pub(crate) fn assign(&mut self, file: NodeId, content: Option<ContentIndex>) {
        self.of[file.index()] = content;
    }

    /// The content of a file.
    pub(crate) fn of(&self, file: NodeId) -> Option<ContentIndex> {
        self.of[file.index()]
    }

    /// The content with this index.
    pub(crate) fn get(&self, content: ContentIndex) -> &Content {
        &self.list[content.index()]
    }

    /// Adds a content.
    pub(crate) fn add(&mut self, content: Content) -> ContentIndex {
        // There are at most as many contents as inodes, and fewer than 2^31 of these.
        let before = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(content);
        ContentIndex(NonZeroU32::MIN.saturating_add(before))
    }

    /// Forgets which contents may be shared. Files of one section do not use those of another.
    pub(crate) fn next_section(&mut self, files: usize) {
        self.known.clear();
        self.known.reserve(files);
        self.list.reserve(files);
    }

    /// The content of this section with this digest, or else a new one.
    pub(crate) fn share(&mut self, digest: Digest, make: impl FnOnce() -> Content) -> ContentIndex {
        let first = digest
            .first_chunk()
            .map_or(0, |first| u64::from_le_bytes(*first));
        match self.known.get(&first) {
            Some(&known) if self.get(known).digest == digest => known,
            _ => {
                let new = self.add(make());
                self.known.insert(first, new);
                new
            }
        }
    }

    /// States the digest of a content.
    pub(crate) fn set_digest(&mut self, content: ContentIndex, digest: Digest) {
        self.list[content.index()].digest = digest;
    }

    /// Numbers the contents by their first use in the order of inodes.
    pub(crate) fn number(&self, order: &[NodeId]) -> Numbering {
        let mut numbers = vec![0; self.list.len()];
        let mut ordered = Vec::with_capacity(self.list.len());
        for content in order.iter().filter_map(|&node| self.of(node)) {
            let number = &mut numbers[content.index()];
            if *number == 0 {
                ordered.push(content);
                *number = u32::try_from(ordered.len()).unwrap_or(u32::MAX);
            }
        }
        Numbering {
            numbers,
            order: ordered,
        }
    }
}

impl Numbering {
    /// The number of a content as inodes state it.
    pub(crate) fn of(&self, content: ContentIndex) -> u32 {
        self.numbers[content.index()]
    }
}

/// A hasher for numbers that are hashes already.
#[derive(Debug, Default)]
pub(crate) struct First(u64);

impl Hasher for First {
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
