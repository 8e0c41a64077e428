// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree in the order of the image, and the lengths of the sections that describe it.

use daxfs_format::inode::INODE_SIZE;
use daxfs_format::xattr::{HEADER_SIZE, SET_SIZE};

use crate::num::{len64, round_up};
use crate::tree::node::{NodeId, NodeKind, SetIndex};
use crate::tree::Tree;

/// Alignment of directory units in bytes.
pub(crate) const UNIT: u64 = 16;

/// A numbered tree.
pub(crate) struct Ordered<'a> {
    pub(crate) tree: &'a Tree,
    /// The nodes in the order of their inode numbers.
    pub(crate) order: Vec<NodeId>,
    /// The attribute sets in the order of their numbers.
    pub(crate) sets: Vec<SetIndex>,
    /// The number of each set of the tree, from 1; 0 for a set that no node has.
    set_numbers: Vec<u32>,
}

impl<'a> Ordered<'a> {
    /// Numbers the attribute sets by their first use in the order of inodes.
    pub(crate) fn new(tree: &'a Tree, order: Vec<NodeId>) -> Self {
        let mut set_numbers = vec![0; tree.set_count()];
        let mut sets = Vec::with_capacity(tree.set_count());
        for set in order.iter().filter_map(|&node| tree.node(node).xattrs) {
            let number = &mut set_numbers[set.index()];
            if *number == 0 {
                sets.push(set);
                *number = u32::try_from(sets.len()).unwrap_or(u32::MAX);
            }
        }
        Self {
            tree,
            order,
            sets,
            set_numbers,
        }
    }

    /// The number of an attribute set as inodes state it; 0 for none.
    pub(crate) fn set_number(&self, set: Option<SetIndex>) -> u32 {
        set.map_or(0, |set| self.set_numbers[set.index()])
    }

    fn kinds(&self) -> impl Iterator<Item = NodeKind> + '_ {
        self.order.iter().map(|&node| self.tree.node(node).kind)
    }

    /// Length of the inode section in bytes.
    pub(crate) fn inodes_length(&self) -> u64 {
        (len64(self.order.len()) + 1) * INODE_SIZE
    }

    /// Length of the directory section in bytes.
    pub(crate) fn directories_length(&self) -> u64 {
        let units = self.kinds().map(|kind| match kind {
            NodeKind::Directory(children) => round_up(self.tree.unit_length(children), UNIT),
            _ => 0,
        });
        units.sum()
    }

    /// Length of the symlink section in bytes.
    pub(crate) fn symlinks_length(&self) -> u64 {
        let targets = self.kinds().map(|kind| match kind {
            NodeKind::Symlink(target) => u64::from(target.length),
            _ => 0,
        });
        targets.sum()
    }

    /// Length of the xattr section in bytes.
    pub(crate) fn xattrs_length(&self) -> u64 {
        if self.sets.is_empty() {
            return 0;
        }
        let sets = self.sets.iter().map(|&set| len64(self.tree.set(set).len()));
        HEADER_SIZE + len64(self.sets.len()) * SET_SIZE + sets.sum::<u64>()
    }
}
