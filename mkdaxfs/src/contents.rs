// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contents of regular files: which there are, where they are, and who shares them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::num::index;
use crate::options::{Keep, Options};
use crate::tree::{NodeId, NodeKind, Tree};

/// Direct files with more bytes are copied one by one, and compared before they are placed; all others
/// are read once, many at a time. In bytes.
pub(crate) const SMALL: u64 = 256 << 10;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// A content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) place: Place,
}

/// Where a content is, in bytes from the start of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Packed(u64),
    Direct(u64),
    /// Where the first of its pieces is; the others follow, each at the next page.
    Sparse(u64),
}

/// The contents in the order in which they were found, which [`Contents::number`] puts right.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) list: Vec<Content>,
    /// The content of each node, an index from 1, or 0.
    of: Vec<u32>,
    /// Contents that others may share, by the first eight bytes of their digests.
    known: HashMap<u64, u32, BuildHasherDefault<First>>,
}

impl Contents {
    /// No contents yet, of a tree with so many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            list: Vec::new(),
            of: vec![0; nodes],
            known: HashMap::default(),
        }
    }

    /// States the content of a file.
    pub(crate) fn assign(&mut self, file: NodeId, content: u32) {
        self.of[index(file.0)] = content;
    }

    /// The content of a file, an index from 1, or 0.
    pub(crate) fn of(&self, file: NodeId) -> u32 {
        self.of[index(file.0)]
    }

    /// Adds a content, and returns its index from 1.
    pub(crate) fn add(&mut self, content: Content) -> u32 {
        self.list.push(content);
        u32::try_from(self.list.len()).unwrap_or(u32::MAX)
    }

    /// Forgets which contents may be shared: those of one section are not used for files of another.
    pub(crate) fn next_section(&mut self, files: usize) {
        self.known.clear();
        self.known.reserve(files);
        self.list.reserve(files);
    }

    /// The content of this section with this digest, or else the one that `make` makes.
    pub(crate) fn share(&mut self, digest: Digest, make: impl FnOnce() -> Content) -> u32 {
        let first = digest
            .first_chunk()
            .map_or(0, |first| u64::from_le_bytes(*first));
        match self.known.get(&first) {
            Some(&known)
                if self
                    .get(known)
                    .is_some_and(|content| content.digest == digest) =>
            {
                known
            }
            _ => {
                let new = self.add(make());
                self.known.insert(first, new);
                new
            }
        }
    }

    /// States the digest of a content.
    pub(crate) fn set_digest(&mut self, content: u32, digest: Digest) {
        self.list[index(content) - 1].digest = digest;
    }

    pub(crate) fn get(&self, content: u32) -> Option<&Content> {
        self.list.get(index(content).wrapping_sub(1))
    }

    /// Numbers the contents by their first use in the order of inodes: the number of each, by index,
    /// and the contents in the order of their numbers.
    pub(crate) fn number(&self, order: &[NodeId]) -> (Vec<u32>, Vec<u32>) {
        let mut numbers = vec![0; self.list.len() + 1];
        let mut ordered = Vec::with_capacity(self.list.len());
        for &node in order {
            let content = self.of(node);
            let number = &mut numbers[index(content)];
            if content != 0 && *number == 0 {
                ordered.push(content);
                *number = u32::try_from(ordered.len()).unwrap_or(u32::MAX);
            }
        }
        (numbers, ordered)
    }
}

/// The hash of a number that is a hash already.
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

/// The regular files with bytes, by how they are stored and copied, each in the order of inodes.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// To be packed, unless they turn out to be ELF.
    pub(crate) packed: Vec<NodeId>,
    /// Direct, of at most [`SMALL`] bytes.
    pub(crate) small: Vec<NodeId>,
    /// Direct and larger, or sparse.
    pub(crate) large: Vec<NodeId>,
}

impl Classes {
    /// How many files there are: an upper bound of the number of contents.
    pub(crate) fn count(&self) -> usize {
        self.packed.len() + self.small.len() + self.large.len()
    }

    pub(crate) fn of(tree: &Tree, order: &[NodeId], options: &Options) -> Self {
        let mut classes = Self::default();
        for &id in order {
            let node = tree.node(id);
            let NodeKind::Regular { sparse } = node.kind else {
                continue;
            };
            let (size, is_executable) = (node.status.size, node.status.mode & 0o111 != 0);
            if size == 0 {
                continue;
            }
            let class = if sparse != 0 {
                &mut classes.large
            } else if size < options.pack_limit() && !is_executable {
                &mut classes.packed
            } else if size <= SMALL {
                &mut classes.small
            } else {
                &mut classes.large
            };
            class.push(id);
        }
        classes
    }
}

/// Whether contents are hashed as they are copied.
pub(crate) fn is_hashed(options: &Options) -> bool {
    matches!(
        (options.digests, options.sharing),
        (Keep::Yes, _) | (_, Keep::Yes)
    )
}
