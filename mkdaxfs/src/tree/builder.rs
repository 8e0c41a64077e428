// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building a tree: sources add nodes in any order, and then the names of each directory.
//!
//! Several sources may add to one tree. The first node is the root.
//!
//! The builder trusts no source. It refuses each node, each name and each tree that an image cannot
//! hold, and names the rule ([`Limit`]): no source, whatever it has read, gives an image that the
//! check finds wrong. Tests are in `enforced`.

use daxfs_format::limits::{MAX_DIRECTORY, MAX_INO};
use daxfs_format::{FileType, NameHash};

use super::limits::{check_name, check_size, check_status, check_target, file_type, Limit};
use super::node::{hash_of, Children, Entry, Node, NodeId, NodeKind, Span, Status};
use super::sets::Sets;
use super::xattrs::EncodedSet;
use super::Tree;
use crate::num::len64;

/// A tree that a scan is filling.
#[derive(Debug, Default)]
pub(crate) struct TreeBuilder {
    tree: Tree,
    sets: Sets,
    /// True for each directory that has been given its names.
    listed: Vec<bool>,
    /// True for each node that a directory names.
    named: Vec<bool>,
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
    pub(crate) node: NodeId,
}

/// A rule that a list of names breaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedNames {
    /// The index of the name that breaks it, or `None` if the list as a whole does.
    pub(crate) child: Option<usize>,
    pub(crate) limit: Limit,
}

impl From<Limit> for RefusedNames {
    fn from(limit: Limit) -> Self {
        Self { child: None, limit }
    }
}

impl TreeBuilder {
    /// Adds a file that no directory names yet.
    ///
    /// # Errors
    /// When an image cannot hold it.
    pub(crate) fn add(&mut self, new: NewNode) -> Result<NodeId, Limit> {
        let id = number(self.tree.nodes.len());
        if id >= MAX_INO {
            return Err(Limit::Inodes);
        }
        check_node(&new)?;
        if id == 0 && !matches!(new.kind, NewKind::Directory) {
            return Err(Limit::RootType);
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
        self.listed.push(false);
        self.named.push(false);
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

    /// Gives a directory its names, which are sorted by hash and then by name. A directory is given
    /// names once.
    ///
    /// # Errors
    /// When an image cannot hold them. No name is added then.
    pub(crate) fn set_children(
        &mut self,
        directory: NodeId,
        children: &[Child<'_>],
    ) -> Result<(), RefusedNames> {
        self.check_directory(directory)?;
        if self.listed[directory.index()] {
            return Err(Limit::NamesTwice.into());
        }
        let hashes = self.check_children(children)?;
        let mut wrong = None;
        for (at, child) in children.iter().enumerate() {
            let is_again = std::mem::replace(&mut self.named[child.node.index()], true);
            if is_again && self.is_directory(child.node) {
                wrong = wrong.or(Some(at));
            }
        }
        if wrong.is_some() {
            return Err(RefusedNames {
                child: wrong,
                limit: Limit::DirectoryNamedTwice,
            });
        }
        let entries = children.iter().zip(hashes);
        let entries: Vec<Entry> = entries
            .map(|(child, hash)| Entry {
                hash,
                node: child.node,
                name: append(&mut self.tree.names, child.name),
            })
            .collect();
        self.set_entries(directory, &entries)?;
        self.listed[directory.index()] = true;
        Ok(())
    }

    /// Checks names one by one, and returns their hashes.
    fn check_children(&self, children: &[Child<'_>]) -> Result<Vec<NameHash>, RefusedNames> {
        let mut hashes: Vec<NameHash> = Vec::with_capacity(children.len());
        let mut last: Option<(NameHash, &[u8])> = None;
        for (at, child) in children.iter().enumerate() {
            let hash = hash_of(child.name);
            let limit = self.check_child(child).and_then(|()| {
                match last.map(|last| last.cmp(&(hash, child.name))) {
                    Some(std::cmp::Ordering::Equal) => Err(Limit::NameTwice),
                    Some(std::cmp::Ordering::Greater) => Err(Limit::NameOrder),
                    _ => Ok(()),
                }
            });
            limit.map_err(|limit| RefusedNames {
                child: Some(at),
                limit,
            })?;
            last = Some((hash, child.name));
            hashes.push(hash);
        }
        Ok(hashes)
    }

    /// Checks a name, and that it names a file that a directory may name.
    fn check_child(&self, child: &Child<'_>) -> Result<(), Limit> {
        check_name(child.name)?;
        if child.node.index() >= self.node_count() {
            return Err(Limit::NoFile);
        }
        if child.node == NodeId::ROOT {
            return Err(Limit::RootNamed);
        }
        Ok(())
    }

    fn check_directory(&self, directory: NodeId) -> Result<(), Limit> {
        if directory.index() >= self.node_count() {
            return Err(Limit::NoFile);
        }
        if !self.is_directory(directory) {
            return Err(Limit::NotDirectory);
        }
        Ok(())
    }

    /// Replaces the entries of a directory.
    fn set_entries(&mut self, directory: NodeId, entries: &[Entry]) -> Result<(), Limit> {
        let first = u32::try_from(self.tree.entries.len()).ok();
        let count = u32::try_from(entries.len()).ok();
        let range = first.zip(count).filter(|&(first, count)| {
            // One number stays unused: link counts and the numbers of entries have 32 bits.
            first.checked_add(count).is_some_and(|end| end < u32::MAX)
        });
        let (first, count) = range.ok_or(Limit::Entries)?;
        let old = len64(self.tree.entries_of(directory).len());
        self.tree.entries.extend_from_slice(entries);
        let range = Children { first, count };
        if self.tree.unit_length(range) > MAX_DIRECTORY {
            return Err(Limit::DirectoryLength);
        }
        self.tree.used_entries = self.tree.used_entries - old + u64::from(count);
        self.tree.node_mut(directory).kind = NodeKind::Directory(range);
        Ok(())
    }

    /// The number of nodes so far.
    pub(crate) fn node_count(&self) -> usize {
        self.tree.node_count()
    }

    /// The node with this name in a directory.
    pub(crate) fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.tree.child(directory, name)
    }

    /// Returns true for a directory.
    pub(crate) fn is_directory(&self, node: NodeId) -> bool {
        self.tree.node(node).is_directory()
    }

    /// Adds a name to a directory, which may have been given others.
    ///
    /// # Errors
    /// When an image cannot hold it.
    pub(crate) fn insert_child(
        &mut self,
        directory: NodeId,
        child: Child<'_>,
    ) -> Result<(), Limit> {
        self.check_directory(directory)?;
        self.check_child(&child)?;
        let mut entries: Vec<Entry> = self.tree.entries_of(directory).to_vec();
        let Err(at) = self.tree.search(&entries, child.name) else {
            return Err(Limit::NameTwice);
        };
        if std::mem::replace(&mut self.named[child.node.index()], true)
            && self.is_directory(child.node)
        {
            return Err(Limit::DirectoryNamedTwice);
        }
        let entry = Entry {
            hash: hash_of(child.name),
            node: child.node,
            name: append(&mut self.tree.names, child.name),
        };
        entries.insert(at, entry);
        self.set_entries(directory, &entries)
    }

    /// The complete tree with its inodes numbered, and the nodes in the order of their numbers.
    ///
    /// # Errors
    /// When it has no root, or files that no path leads to: ones without a name, and directories
    /// that are below themselves.
    pub(crate) fn finish(self) -> Result<(Tree, Vec<NodeId>), Limit> {
        let mut tree = Tree {
            sets: self.sets.into_sets(),
            ..self.tree
        };
        if tree.node_count() == 0 {
            return Err(Limit::RootType);
        }
        let order = tree.number();
        match tree.node_count() - order.len() {
            0 => Ok((tree, order)),
            lost => Err(Limit::Unreachable(lost)),
        }
    }
}

/// Checks everything about a file but its names.
fn check_node(new: &NewNode) -> Result<(), Limit> {
    let mode = new.status.mode;
    let stated = file_type(mode.into())?;
    let is_stated = match new.kind {
        NewKind::Regular => stated == FileType::Regular,
        NewKind::Directory => stated == FileType::Directory,
        NewKind::Symlink(_) => stated == FileType::Symlink,
        NewKind::Device(_) => matches!(stated, FileType::CharDevice | FileType::BlockDevice),
        NewKind::Other => matches!(stated, FileType::Fifo | FileType::Socket),
    };
    if !is_stated {
        return Err(Limit::Kind(mode));
    }
    match &new.kind {
        NewKind::Symlink(target) => check_target(target)?,
        NewKind::Regular => check_size(new.status.size)?,
        _ => {}
    }
    check_status(&new.status)?;
    new.xattrs.check_mode(mode)
}

/// Appends bytes to a pool. Names and targets are short.
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
