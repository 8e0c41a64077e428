// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way from the source to a directory, shared by all directories below it.

use std::sync::Arc;

use super::open::join;
use crate::own::FileKey;
use crate::tree::node::NodeId;

/// A directory that the scan has found, with the way to it.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) node: NodeId,
    pub(super) key: FileKey,
    name: Box<[u8]>,
    depth: usize,
    parent: Option<Arc<Way>>,
    /// The key of one of the directories on the way: that at the last depth that is a power of two.
    /// A directory that is below itself meets itself there.
    milestone: FileKey,
}

impl Way {
    /// The source itself.
    pub(super) fn root(node: NodeId, key: FileKey) -> Arc<Self> {
        Arc::new(Self {
            node,
            key,
            name: Box::default(),
            depth: 0,
            parent: None,
            milestone: key,
        })
    }

    /// A directory in this one.
    pub(super) fn child(self: &Arc<Self>, node: NodeId, key: FileKey, name: &[u8]) -> Arc<Self> {
        let milestone = match self.depth.is_power_of_two() {
            true => self.key,
            false => self.milestone,
        };
        Arc::new(Self {
            node,
            key,
            name: name.into(),
            depth: self.depth + 1,
            parent: Some(Arc::clone(self)),
            milestone,
        })
    }

    /// The directory, its parent, and so on, without the source.
    fn upwards(&self) -> impl Iterator<Item = &Self> {
        let all = std::iter::successors(Some(self), |way| way.parent.as_deref());
        all.take_while(|way| way.parent.is_some())
    }

    /// The nodes and names of the directory, its parent, and so on, without the source.
    pub(super) fn ancestry(&self) -> impl Iterator<Item = (NodeId, &[u8])> {
        self.upwards().map(|way| (way.node, &way.name[..]))
    }

    /// The path below the source, given that of the last directory, which often is the parent.
    pub(super) fn path_after(&self, last: &mut (NodeId, Vec<u8>)) -> Vec<u8> {
        let is_parent = |parent: &Arc<Self>| parent.node == last.0 && parent.parent.is_some();
        let path = match self.parent.as_ref().filter(|parent| is_parent(parent)) {
            Some(_) => join(&last.1, &self.name),
            None => self.path(),
        };
        *last = (self.node, path.clone());
        path
    }

    /// The path below the source.
    pub(super) fn path(&self) -> Vec<u8> {
        let mut names: Vec<&[u8]> = self.upwards().map(|way| &way.name[..]).collect();
        names.reverse();
        names.join(&b'/')
    }

    /// The path of a file in the directory.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path(), name)
    }

    /// The directory on the way that has the same device and inode number as this one, if the
    /// milestone has them.
    pub(super) fn again(&self) -> Option<&Self> {
        let parent = self
            .parent
            .as_deref()
            .filter(|_| self.milestone == self.key)?;
        let mut above = std::iter::successors(Some(parent), |way| way.parent.as_deref());
        above.find(|way| way.key == self.key)
    }
}

/// Drops a long way without recursion.
impl Drop for Way {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut way) = next.and_then(Arc::into_inner) {
            next = way.parent.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(inode: u64) -> FileKey {
        FileKey { device: 1, inode }
    }

    #[test]
    fn a_way_has_paths_and_ends_without_recursion() {
        let mut way = Way::root(NodeId::ROOT, key(0));
        assert_eq!((way.path(), way.path_of(b"a")), (vec![], b"a".to_vec()));
        for inode in 1..300_000 {
            way = way.child(NodeId::test(1), key(inode), b"d");
            assert!(way.again().is_none());
        }
        assert_eq!(way.path().len(), 299_999 * 2 - 1);
        assert!(way.path_of(b"f").ends_with(b"d/d/f"));
    }

    /// Whatever the length of the cycle and the way to it, it is found soon.
    #[test]
    fn a_directory_below_itself_is_found() {
        for (before, cycle) in [(0, 1), (0, 2), (3, 1), (5, 7), (100, 3), (1, 64)] {
            let mut way = Way::root(NodeId::ROOT, key(0));
            let mut depth = 0;
            while way.again().is_none() {
                depth += 1;
                let inode = if depth < before {
                    depth
                } else {
                    before + (depth - before) % cycle
                };
                way = way.child(NodeId::test(1), key(inode), b"d");
                assert!(depth < 4 * (before + cycle) + 4, "{before}, {cycle}");
            }
            assert_eq!(way.again().unwrap().key, way.key);
        }
    }
}
