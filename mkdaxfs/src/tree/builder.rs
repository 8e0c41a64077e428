// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building a tree: sources add nodes in any order, and then the names of each directory.
//!
//! Several sources may add to one tree. The first node is the root.

use daxfs_format::limits::{MAX_DIRECTORY, MAX_INO};
use daxfs_format::NameHash;
use daxfs_image::hash::Xxh64;

use super::limits::Limit;
use super::node::{Children, Entry, Node, NodeId, NodeKind, Span, Status};
use super::sets::Sets;
use super::xattrs::EncodedSet;
use super::Tree;
use crate::num::len64;

/// A tree that a scan is filling.
#[derive(Debug, Default)]
pub(crate) struct TreeBuilder {
    tree: Tree,
    sets: Sets,
}

/// A file to be added.
#[derive(Debug)]
pub(crate) struct NewNode {
    pub(crate) status: Status,
    pub(crate) xattrs: EncodedSet,
    pub(crate) kind: NewKind,
}

/// The part of a new file that depends on its type.
#[derive(Debug)]
pub(crate) enum NewKind {
    /// A regular file.
    Regular,
    /// A directory, whose names [`TreeBuilder::set_children`] adds.
    Directory,
    /// A symlink with its target.
    Symlink(Vec<u8>),
    /// A device with its encoded number.
    Device(u32),
    /// A FIFO or socket.
    Other,
}

/// A name to be added to a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) hash: NameHash,
    pub(crate) node: NodeId,
}

impl TreeBuilder {
    /// Adds a file that no directory names yet.
    ///
    /// # Errors
    /// When the tree has as many inodes as an image may have.
    pub(crate) fn add(&mut self, new: NewNode) -> Result<NodeId, Limit> {
        let id = number(self.tree.nodes.len());
        if id >= MAX_INO {
            return Err(Limit("a tree may have 2^31 - 1 inodes".to_owned()));
        }
        let kind = self.add_kind(new.kind);
        self.tree.nodes.push(Node {
            status: new.status,
            xattrs: self.sets.intern(&new.xattrs),
            links: 0,
            ino: None,
            parent: NodeId::ROOT,
            entry: 0,
            kind,
        });
        Ok(NodeId(id))
    }

    fn add_kind(&mut self, kind: NewKind) -> NodeKind {
        match kind {
            NewKind::Regular => NodeKind::Regular,
            NewKind::Directory => NodeKind::Directory(Children::default()),
            NewKind::Symlink(target) => NodeKind::Symlink(append(&mut self.tree.targets, &target)),
            NewKind::Device(number) => NodeKind::Device(number),
            NewKind::Other => NodeKind::Other,
        }
    }

    /// Gives a directory its names, which are sorted by hash and then by name.
    ///
    /// # Errors
    /// When they are more than a directory may hold.
    pub(crate) fn set_children(
        &mut self,
        directory: NodeId,
        children: &[Child<'_>],
    ) -> Result<(), Limit> {
        let range = Children {
            first: number(self.tree.entries.len()),
            count: number(children.len()),
        };
        for child in children {
            let name = append(&mut self.tree.names, child.name);
            self.tree.entries.push(Entry {
                hash: child.hash,
                node: child.node,
                name,
            });
        }
        if self.tree.unit_length(range) > MAX_DIRECTORY {
            let limit = format!("a directory may have {MAX_DIRECTORY} bytes of names and entries");
            return Err(Limit(limit));
        }
        self.tree.node_mut(directory).kind = NodeKind::Directory(range);
        self.tree.used_entries += len64(children.len());
        Ok(())
    }

    /// The number of nodes so far.
    pub(crate) fn node_count(&self) -> usize {
        self.tree.node_count()
    }

    /// The node with this name in a directory.
    pub(crate) fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        let key = (NameHash::of::<Xxh64>(name), name);
        let children = self.entries_of(directory);
        let found =
            children.binary_search_by(|entry| (entry.hash, self.tree.name(entry)).cmp(&key));
        found.ok().map(|at| children[at].node)
    }

    /// Returns true for a directory.
    pub(crate) fn is_directory(&self, node: NodeId) -> bool {
        self.tree.node(node).is_directory()
    }

    /// Adds a name to a directory, which does not have it yet.
    ///
    /// # Errors
    /// When its names become more than a directory may hold.
    pub(crate) fn insert_child(
        &mut self,
        directory: NodeId,
        name: &[u8],
        node: NodeId,
    ) -> Result<(), Limit> {
        let hash = NameHash::of::<Xxh64>(name);
        let old: Vec<Entry> = self.entries_of(directory).to_vec();
        let names: Vec<Vec<u8>> = old.iter().map(|old| self.tree.name(old).to_vec()).collect();
        let named = old.iter().zip(&names).map(|(entry, name)| Child {
            name,
            hash: entry.hash,
            node: entry.node,
        });
        let mut children: Vec<Child<'_>> = named.collect();
        let at = children.partition_point(|child| (child.hash, child.name) < (hash, name));
        children.insert(at, Child { name, hash, node });
        self.tree.used_entries -= len64(old.len());
        self.set_children(directory, &children)
    }

    fn entries_of(&self, directory: NodeId) -> &[Entry] {
        match self.tree.node(directory).kind {
            NodeKind::Directory(children) => self.tree.children(children),
            _ => &[],
        }
    }

    /// The complete tree.
    pub(crate) fn finish(self) -> Tree {
        Tree {
            sets: self.sets.into_sets(),
            ..self.tree
        }
    }
}

/// Appends bytes to a pool.
fn append(pool: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = len64(pool.len());
    pool.extend_from_slice(bytes);
    Span {
        start,
        length: number(bytes.len()),
    }
}

/// A count that the limits of the format keep within 32 bits. Larger ones are refused.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
