// SPDX-License-Identifier: MIT OR Apache-2.0
//! The extents of sparse files.

use std::collections::HashMap;

use daxfs_format::extent::EXTENT_SIZE;
use daxfs_format::limits::MAX_EXTENTS;

use crate::num::{len64, to_usize};
use crate::tree::node::NodeId;

/// A range of a sparse file that has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataExtent {
    /// Offset in the file.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) length: u64,
}

impl DataExtent {
    /// The extent of a file of `size` bytes without holes.
    pub(crate) fn whole(size: u64) -> Self {
        Self {
            offset: 0,
            length: size,
        }
    }

    fn end(self) -> u64 {
        self.offset + self.length
    }
}

/// The sparse files of a tree, with the extents of each.
#[derive(Debug, Default)]
pub(crate) struct SparseFiles(HashMap<NodeId, Vec<DataExtent>>);

impl SparseFiles {
    /// Adds a file.
    pub(super) fn insert(&mut self, file: NodeId, extents: Vec<DataExtent>) {
        self.0.insert(file, extents);
    }

    /// The extents of a file, or `None` if it is not a sparse one.
    pub(crate) fn extents(&self, file: NodeId) -> Option<&[DataExtent]> {
        self.0.get(&file).map(Vec::as_slice)
    }

    /// Length in bytes of the extent section for these files.
    pub(crate) fn section_length(&self) -> u64 {
        let lists = self.0.values().map(|list| len64(list.len()));
        lists.sum::<u64>() * EXTENT_SIZE
    }
}

/// The extents of a file, as its ranges with bytes are added in their order.
#[derive(Debug, Default)]
pub(super) struct ExtentCollector {
    extents: Vec<DataExtent>,
    bytes: u64,
}

impl ExtentCollector {
    /// Adds a range that follows all others.
    pub(super) fn add(&mut self, offset: u64, length: u64) {
        self.bytes += length;
        match self.extents.last_mut() {
            Some(last) if last.end() == offset => last.length += length,
            _ => self.extents.push(DataExtent { offset, length }),
        }
    }

    /// Number of bytes in all extents.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The extents, at most as many as a file may have.
    pub(super) fn finish(mut self) -> Vec<DataExtent> {
        limit(&mut self.extents, to_usize(MAX_EXTENTS));
        self.extents
    }
}

/// Joins the extents with the smallest holes between them until there are at most `most`.
fn limit(extents: &mut Vec<DataExtent>, most: usize) {
    let excess = extents.len().saturating_sub(most);
    if excess == 0 {
        return;
    }
    let mut joined = smallest_holes(extents, excess).into_iter().peekable();
    let mut merged: Vec<DataExtent> = Vec::with_capacity(most);
    for (at, &extent) in extents.iter().enumerate() {
        match merged.last_mut() {
            Some(last) if joined.next_if_eq(&at).is_some() => {
                last.length = extent.end() - last.offset;
            }
            _ => merged.push(extent),
        }
    }
    *extents = merged;
}

/// The indices of the extents behind the `count` smallest holes, in their order.
fn smallest_holes(extents: &[DataExtent], count: usize) -> Vec<usize> {
    let hole = |pair: &[DataExtent]| pair[1].offset - pair[0].end();
    let holes = extents.windows(2).map(hole);
    let mut holes: Vec<(u64, usize)> = holes.zip(1..).collect();
    holes.select_nth_unstable(count - 1);
    let mut behind: Vec<usize> = holes[..count].iter().map(|&(_, at)| at).collect();
    behind.sort_unstable();
    behind
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Extents from offsets and lengths.
    pub(crate) fn extents(list: &[(u64, u64)]) -> Vec<DataExtent> {
        let list = list.iter();
        list.map(|&(offset, length)| DataExtent { offset, length })
            .collect()
    }

    #[test]
    fn ranges_that_touch_are_one_extent() {
        let mut collector = ExtentCollector::default();
        for (offset, length) in [(0, 10), (10, 5), (20, 1), (21, 9), (40, 2)] {
            collector.add(offset, length);
        }
        assert_eq!(collector.bytes(), 27);
        let expected = extents(&[(0, 15), (20, 10), (40, 2)]);
        assert_eq!(collector.finish(), expected);
    }

    #[test]
    fn the_smallest_holes_are_given_up_first() {
        let mut list = extents(&[(0, 10), (20, 10), (31, 10), (100, 10), (111, 1)]);
        limit(&mut list, 3);
        assert_eq!(list, extents(&[(0, 10), (20, 21), (100, 12)]));
        limit(&mut list, 3);
        assert_eq!(list.len(), 3);
        limit(&mut list, 1);
        assert_eq!(list, extents(&[(0, 112)]));
    }
}
