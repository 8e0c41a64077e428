// SPDX-License-Identifier: MIT OR Apache-2.0
//! The extents of sparse files, in pages of the image.

use daxfs_format::limits::MAX_EXTENTS;

use crate::num::to_usize;
use crate::options::PageSize;

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

/// Collects the ranges of a file that have bytes.
#[derive(Debug)]
pub(crate) struct ExtentCollector {
    size: u64,
    page: PageSize,
    extents: Vec<DataExtent>,
}

impl ExtentCollector {
    /// A collector for a file of `size` bytes.
    pub(crate) fn new(size: u64, page: PageSize) -> Self {
        Self {
            size,
            page,
            extents: Vec::new(),
        }
    }

    /// Adds the range from `start` to `end`, widened to pages. Ranges come in their order.
    pub(crate) fn add(&mut self, start: u64, end: u64) {
        let start = self.page.round_down(start);
        let end = self.page.round_up(end).min(self.size);
        match self.extents.last_mut() {
            Some(last) if start <= last.end() => {
                last.length = (end - last.offset).max(last.length);
            }
            _ if start < end => self.extents.push(DataExtent {
                offset: start,
                length: end - start,
            }),
            _ => {}
        }
    }

    /// The extents, or `None` if no page of the file is a hole.
    pub(crate) fn finish(mut self) -> Option<Vec<DataExtent>> {
        let bytes: u64 = self.extents.iter().map(|extent| extent.length).sum();
        limit(&mut self.extents, to_usize(MAX_EXTENTS));
        (bytes < self.size).then_some(self.extents)
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
    fn larger_pages_swallow_smaller_holes() {
        let mut collector = ExtentCollector::new(200_000, PageSize::K16);
        for start in [0, 2, 5, 40] {
            collector.add(start * 4096, start * 4096 + 1);
        }
        assert_eq!(
            collector.finish(),
            Some(extents(&[(0, 2 * 16384), (163_840, 16384)]))
        );
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
