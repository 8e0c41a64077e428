// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inode numbers and link counts, and the paths that follow from them.

use daxfs_format::Ino;

use super::node::{Children, NodeId, NodeKind};
use super::Tree;
use crate::num::to_usize;

impl Tree {
    /// Numbers the inodes, counts their links, and returns them in the order of their numbers.
    ///
    /// The root is 1. Directories are visited depth first. A visit numbers the entries of a
    /// directory consecutively in their order. So a directory has a higher number than its parent,
    /// and the order depends on names only.
    pub(super) fn number(&mut self) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = vec![NodeId::ROOT];
        order.push(NodeId::ROOT);
        self.node_mut(NodeId::ROOT).ino = ino_after(0);
        while let Some(directory) = stack.pop() {
            if let NodeKind::Directory(children) = self.node(directory).kind {
                self.number_children(directory, children, &mut order);
                let children = self.children(children).iter().rev();
                let children = children.map(|entry| entry.node);
                stack.extend(children.filter(|&child| self.node(child).is_directory()));
            }
        }
        order
    }

    /// Counts the links of a directory, and numbers the nodes that it is the first to name.
    fn number_children(&mut self, directory: NodeId, children: Children, order: &mut Vec<NodeId>) {
        for entry in children.first..children.first + children.count {
            let child = self.entries[to_usize(entry)].node;
            let next = ino_after(order.len());
            let node = self.node_mut(child);
            node.links += 1;
            if node.ino.is_none() {
                (node.ino, node.parent, node.entry) = (next, directory, entry);
                order.push(child);
            }
        }
    }

    /// The nodes and first names of a node, its parent, and so on, up to `root` without it. Only a
    /// numbered tree has them.
    pub(crate) fn ancestry(
        &self,
        root: NodeId,
        id: NodeId,
    ) -> impl Iterator<Item = (NodeId, &[u8])> {
        let all = std::iter::successors(Some(id), |&at| Some(self.node(at).parent));
        all.take_while(move |&at| at != root && at != NodeId::ROOT)
            .map(|at| (at, self.first_name(self.node(at))))
    }

    /// The path of a node below `root`, by first names; empty for `root` itself. Only a
    /// numbered tree has paths.
    pub(crate) fn path(&self, root: NodeId, id: NodeId) -> Vec<u8> {
        let ancestry = self.ancestry(root, id);
        let mut names: Vec<&[u8]> = ancestry.map(|(_, name)| name).collect();
        names.reverse();
        names.join(&b'/')
    }
}

/// The number of the inode that follows `count` others. The limit on nodes keeps it valid.
fn ino_after(count: usize) -> Option<Ino> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ino::new(count.saturating_add(1))
}
