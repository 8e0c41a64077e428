// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree in memory: the value that a source makes and that plan and writer read.
//!
//! A tree knows nothing about its source: no path of the system, no descriptor, no offset in an
//! archive. Files are named by [`NodeId`]. A source that needs more to read a file keeps it in a
//! table of its own by that number. All bytes lie in a few large allocations.
//!
//! | module | owns |
//! |---|---|
//! | `node` | nodes, their status and type, names in directories |
//! | `builder` | adding nodes and names |
//! | `sets` | attribute sets, each of which is stored once |
//! | `xattrs` | encoding of the attributes of a file as a set |
//! | `storage` | attributes that a file system keeps for itself |
//! | `limits` | limits of the format that a file of any source must respect |
//! | `enforced` | tests of the rules that the builder enforces |
//! | `number` | inode numbers, link counts and paths |

pub(crate) mod builder;
#[cfg(test)]
mod enforced;
pub(crate) mod limits;
pub(crate) mod node;
mod number;
mod sets;
mod storage;
pub(crate) mod xattrs;

use daxfs_format::directory::ENTRY_SIZE;

use self::node::{hash_of, Children, Entry, Node, NodeId, NodeKind, SetIndex, Span};
use self::sets::Sets;
use self::xattrs::EncodedSet;
use crate::num::{len64, to_usize};

/// A tree of files with all metadata.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    /// The number of entries that directories have. Others are left from directories that have grown.
    used_entries: u64,
    names: Vec<u8>,
    targets: Vec<u8>,
    /// The attribute sets, in the order in which the scan has met them.
    sets: Vec<Box<[u8]>>,
}

impl Tree {
    /// All nodes with their identifiers.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// The number of nodes.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The number of names in all directories.
    pub(crate) fn entry_count(&self) -> u64 {
        self.used_entries
    }

    /// The number of attribute sets.
    pub(crate) fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// The node with this identifier.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[to_usize(id.0)]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[to_usize(id.0)]
    }

    /// The size of a file in bytes.
    pub(crate) fn size(&self, id: NodeId) -> u64 {
        self.node(id).status.size
    }

    /// The bytes of an entry's name.
    pub(crate) fn name(&self, entry: &Entry) -> &[u8] {
        entry.name.of(&self.names)
    }

    /// The name of the first entry that names a node.
    pub(crate) fn first_name(&self, node: &Node) -> &[u8] {
        self.name(&self.entries[to_usize(node.entry)])
    }

    /// The bytes of a symlink's target.
    pub(crate) fn target(&self, span: Span) -> &[u8] {
        span.of(&self.targets)
    }

    /// The entries of a directory, in the order of the format.
    pub(crate) fn children(&self, children: Children) -> &[Entry] {
        let first = to_usize(children.first);
        &self.entries[first..first + to_usize(children.count)]
    }

    /// The node with this name in a directory.
    pub(crate) fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let entries = self.entries_of(directory);
        let found = self.search(entries, name);
        found
            .ok()
            .and_then(|at| entries.get(at))
            .map(|entry| entry.node)
    }

    /// The number of names in a directory.
    pub(crate) fn child_count(&self, directory: NodeId) -> usize {
        self.entries_of(directory).len()
    }

    /// The entries of a directory; none for another file.
    fn entries_of(&self, directory: NodeId) -> &[Entry] {
        match self.node(directory).kind {
            NodeKind::Directory(children) => self.children(children),
            _ => &[],
        }
    }

    /// The index of a name among entries, or the one that it would have.
    fn search(&self, entries: &[Entry], name: &[u8]) -> Result<usize, usize> {
        let key = (hash_of(name), name);
        entries.binary_search_by(|entry| (entry.hash, self.name(entry)).cmp(&key))
    }

    /// The bytes of an attribute set.
    pub(crate) fn set(&self, set: SetIndex) -> &[u8] {
        &self.sets[set.index()]
    }

    /// Gives each node the attribute set that `make` returns for it.
    ///
    /// # Errors
    /// The first one of `make`.
    pub(crate) fn rewrite_sets<E>(
        &mut self,
        make: impl Fn(&Self, NodeId) -> Result<EncodedSet, E>,
    ) -> Result<(), E> {
        let mut sets = Sets::default();
        let mut indices = Vec::with_capacity(self.nodes.len());
        for (id, _) in self.nodes() {
            indices.push(sets.intern(&make(self, id)?));
        }
        for (node, set) in self.nodes.iter_mut().zip(indices) {
            node.xattrs = set;
        }
        self.sets = sets.into_sets();
        Ok(())
    }

    /// The length in bytes of a directory's unit.
    pub(crate) fn unit_length(&self, children: Children) -> u64 {
        let children = self.children(children);
        let names = children.iter().map(|entry| u64::from(entry.name.length));
        len64(children.len()) * ENTRY_SIZE + names.sum::<u64>()
    }
}
