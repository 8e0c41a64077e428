// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree as it was scanned, in few large allocations, and its inode numbers.

use daxfs_format::{FileType, Timestamp};

use crate::num::{index, len64};

/// An inode of the tree, by its place in [`Tree::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) const ROOT: Self = Self(0);
}

/// A piece of one of the tree's byte pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) length: u32,
}

impl Span {
    fn of(self, pool: &[u8]) -> &[u8] {
        let start = index(self.start);
        pool.get(start..start + index(self.length))
            .unwrap_or_default()
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) hash: u32,
    pub(crate) node: NodeId,
    pub(crate) name: Span,
}

/// The state of a file when it was scanned, which tells later whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Timestamp,
    /// Nanoseconds; what wraps in the year 2262 still tells a change.
    pub(crate) ctime: i64,
}

/// An inode of the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) status: Status,
    /// The attribute set, an index from 1, or 0.
    pub(crate) xattrs: u32,
    /// How many entries name it.
    pub(crate) links: u32,
    /// The inode number, or 0 before [`Tree::number`].
    pub(crate) ino: u32,
    /// The directory that holds the first entry that names it, and that entry.
    pub(crate) parent: NodeId,
    pub(crate) entry: u32,
    pub(crate) kind: NodeKind,
}

/// What only nodes of one type have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeKind {
    /// A regular file.
    Regular {
        /// Its extents, an index from 1, or 0 for a file without holes.
        sparse: u32,
    },
    /// A directory with these entries.
    Directory { first: u32, count: u32 },
    /// A symlink with this target.
    Symlink(Span),
    /// A device with this encoded number.
    Device(u32),
    /// A FIFO or socket.
    Other,
}

/// A piece of a sparse file that has bytes: file offset and length.
pub(crate) type Piece = (u64, u64);

/// The tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) names: Vec<u8>,
    pub(crate) targets: Vec<u8>,
    /// The extents of each sparse file.
    pub(crate) sparse: Vec<Vec<Piece>>,
}

impl Tree {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[index(id.0)]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[index(id.0)]
    }

    pub(crate) fn name(&self, entry: &Entry) -> &[u8] {
        entry.name.of(&self.names)
    }

    pub(crate) fn target(&self, span: Span) -> &[u8] {
        span.of(&self.targets)
    }

    pub(crate) fn children(&self, first: u32, count: u32) -> &[Entry] {
        &self.entries[index(first)..index(first) + index(count)]
    }

    /// The pieces of a sparse file, or `None` for one without holes.
    pub(crate) fn pieces(&self, sparse: u32) -> Option<&[Piece]> {
        Some(&self.sparse[index(sparse.checked_sub(1)?)])
    }

    /// The path of a node below SOURCE; empty for the root.
    pub(crate) fn path(&self, id: NodeId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.node(at);
            names.push(self.name(&self.entries[index(node.entry)]));
            at = node.parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Numbers the inodes, counts their links, and returns them in the order of their numbers.
    ///
    /// The root is 1. Directories are visited depth first; a visit numbers the entries of a directory
    /// consecutively in their order. So a directory has a higher number than its parent, and the
    /// order depends on nothing but names.
    pub(crate) fn number(&mut self) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = vec![NodeId::ROOT];
        order.push(NodeId::ROOT);
        self.node_mut(NodeId::ROOT).ino = 1;
        while let Some(directory) = stack.pop() {
            let NodeKind::Directory { first, count } = self.node(directory).kind else {
                continue;
            };
            for at in first..first + count {
                let child = self.entries[index(at)].node;
                let next = u32::try_from(order.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1);
                let node = self.node_mut(child);
                node.links += 1;
                if node.ino == 0 {
                    (node.ino, node.parent, node.entry) = (next, directory, at);
                    order.push(child);
                }
            }
            let children = self
                .children(first, count)
                .iter()
                .rev()
                .map(|entry| entry.node);
            stack.extend(children.filter(|&child| self.node(child).is_directory()));
        }
        order
    }

    /// The length in bytes of a directory's unit.
    pub(crate) fn unit_length(&self, first: u32, count: u32) -> u64 {
        let children = self.children(first, count);
        let names: u64 = children
            .iter()
            .map(|entry| u64::from(entry.name.length))
            .sum();
        len64(children.len()) * daxfs_format::directory::ENTRY_SIZE + names
    }
}

impl Node {
    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory { .. })
    }

    /// The type that the mode states; the scan has refused modes without one.
    pub(crate) fn file_type(&self) -> FileType {
        FileType::from_mode(self.status.mode).unwrap_or(FileType::Regular)
    }
}
