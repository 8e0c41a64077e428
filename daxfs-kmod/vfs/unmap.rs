// SPDX-License-Identifier: GPL-2.0-only
//! Taking poisoned pages out of mappings.

use core::ops::Range;

use daxfs_format::FileData;

use super::inode::{Daxfs, InodeInfo};
use crate::memory::failure::FailureHandler;
use crate::sys::fs::superblock::WeakSuperblock;
use crate::sys::size::{PAGE_SHIFT, PAGE_SIZE};

impl FailureHandler for WeakSuperblock<Daxfs> {
    /// Takes the pages out of the mappings of all files that show them, with the huge entries that
    /// map them. A fault that looked for the marks before they were made holds the mapping's lock
    /// until its entry is there, and unmapping waits for it.
    fn pages_failed(&self, first: u64, count: u64) {
        self.with(|superblock| {
            superblock.for_each_inode(|inode| {
                if let Some(bytes) = shown_by(inode.info(), first, count) {
                    inode.unmap(bytes);
                }
            });
        });
    }
}

/// Returns the bytes of a file that can show these pages of the image: `Some(None)` for all of
/// them.
fn shown_by(info: &InodeInfo, first: u64, count: u64) -> Option<Option<Range<u64>>> {
    match *info.data().ok()? {
        FileData::Direct { offset } => {
            let begin = offset >> PAGE_SHIFT;
            let end = begin.saturating_add(info.size.div_ceil(PAGE_SIZE));
            let (low, high) = (first.max(begin), first.saturating_add(count).min(end));
            let bytes = |page: u64| (page - begin) << PAGE_SHIFT;
            (low < high).then(|| Some(bytes(low)..bytes(high)))
        }
        // The list of extents, which says more, lies in memory that fails.
        FileData::Sparse(_) => Some(None),
        _ => None,
    }
}
