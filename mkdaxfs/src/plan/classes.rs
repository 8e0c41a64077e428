// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regular files with bytes, by how they are stored and copied.

use crate::options::Options;
use crate::tree::node::{Node, NodeId};
use crate::tree::Tree;

/// Files of more bytes are copied one by one, and compared before they are placed. Others are
/// read once, many at a time.
pub(crate) const SMALL: u64 = 256 << 10;

/// The files of each class, in the order of inodes.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// Files to be packed. An ELF file among them is found when its bytes are read (`copy/batch.rs`);
    /// it is not packed, and is copied with the small ones.
    pub(crate) packed: Vec<NodeId>,
    /// Direct files of at most [`SMALL`] bytes.
    pub(crate) small: Vec<NodeId>,
    /// Larger files, and all sparse ones among them.
    pub(crate) large: Vec<NodeId>,
}

impl Classes {
    /// Sorts the files of a tree into classes.
    pub(crate) fn of(tree: &Tree, order: &[NodeId], options: &Options) -> Self {
        let mut classes = Self::default();
        for &id in order {
            let node = tree.node(id);
            if node.has_contents() {
                classes.class_of(node, options.pack_below()).push(id);
            }
        }
        classes
    }

    fn class_of(&mut self, node: &Node, pack_below: u64) -> &mut Vec<NodeId> {
        let size = node.status.size;
        let is_executable = node.status.mode & 0o111 != 0;
        if size < pack_below && !is_executable {
            &mut self.packed
        } else if size <= SMALL {
            &mut self.small
        } else {
            &mut self.large
        }
    }

    /// The number of files: an upper bound of the number of contents.
    pub(crate) fn count(&self) -> usize {
        self.packed.len() + self.small.len() + self.large.len()
    }
}
