// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes and entries: one node for each inode, one entry for each name.

use std::num::NonZeroU32;

use daxfs_format::{FileType, Ino, NameHash, Timestamp};
use daxfs_image::hash::Xxh64;

use crate::num::to_usize;

/// An inode of the tree, in the order in which the scan has met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(super) u32);

impl NodeId {
    /// The root: the first node of every tree.
    pub(crate) const ROOT: Self = Self(0);

    /// A node for tests.
    #[cfg(test)]
    pub(crate) fn test(number: u32) -> Self {
        Self(number)
    }

    /// The node's index in a table of all nodes.
    pub(crate) fn index(self) -> usize {
        to_usize(self.0)
    }
}

/// An attribute set of the tree, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetIndex(NonZeroU32);

impl SetIndex {
    /// The index of the set that follows `count` others.
    pub(super) fn after(count: usize) -> Self {
        Self(number_after(count))
    }

    /// The set's index in a table of all sets.
    pub(crate) fn index(self) -> usize {
        to_usize(self.0.get() - 1)
    }
}

/// `count + 1`. The limit on inodes keeps counts far below 2^32.
fn number_after(count: usize) -> NonZeroU32 {
    let number = u32::try_from(count).unwrap_or(u32::MAX);
    NonZeroU32::MIN.saturating_add(number)
}

/// The hash by which names are sorted.
pub(crate) fn hash_of(name: &[u8]) -> NameHash {
    NameHash::of::<Xxh64>(name)
}

/// A range of one of the tree's byte pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) length: u32,
}

impl Span {
    /// The bytes of the range.
    pub(super) fn of(self, pool: &[u8]) -> &[u8] {
        let start = to_usize(self.start);
        pool.get(start..start + to_usize(self.length))
            .unwrap_or_default()
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) hash: NameHash,
    pub(crate) node: NodeId,
    pub(crate) name: Span,
}

/// The entries of a directory: a range of the tree's entries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Children {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// The state of a file when it was scanned. A later state that differs shows that it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Timestamp,
    /// Time of the last status change in nanoseconds. It wraps in the year 2262, where different
    /// times still differ.
    pub(crate) ctime: i64,
}

/// An inode of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) status: Status,
    pub(crate) xattrs: Option<SetIndex>,
    /// Number of entries that name the node.
    pub(crate) links: u32,
    /// The inode number, or `None` before [`Tree::number`](super::Tree::number).
    pub(crate) ino: Option<Ino>,
    /// The directory with the first entry that names the node.
    pub(crate) parent: NodeId,
    /// Index of that entry.
    pub(super) entry: u32,
    pub(crate) kind: NodeKind,
}

/// The part of a node that depends on its type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeKind {
    /// A regular file.
    Regular,
    /// A directory with its entries.
    Directory(Children),
    /// A symlink with its target.
    Symlink(Span),
    /// A device with its encoded number.
    Device(u32),
    /// A FIFO or socket.
    Other,
}

impl Node {
    /// Returns true for a directory.
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory(_))
    }

    /// Returns true for a regular file with bytes.
    pub(crate) fn has_contents(&self) -> bool {
        matches!(self.kind, NodeKind::Regular) && self.status.size != 0
    }

    /// The type that the mode states. Modes without a type do not enter a tree.
    pub(crate) fn file_type(&self) -> FileType {
        FileType::from_mode(self.status.mode).unwrap_or(FileType::Regular)
    }

    /// The inode number as an inode or entry states it; 0 before the tree is numbered.
    pub(crate) fn raw_ino(&self) -> u32 {
        self.ino.map_or(0, Ino::get)
    }
}
