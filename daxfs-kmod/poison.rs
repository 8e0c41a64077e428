// SPDX-License-Identifier: GPL-2.0-only
//! Broken memory: what becomes of a page that the hardware has reported.
//!
//! The kernel calls [`OPERATIONS`] for a page of ours. The page is marked, for as long as its struct
//! page lives, and taken out of all mappings of all files that share it, with the 2 MiB entry that it
//! may be under. Whoever touches it then faults, and gets SIGBUS; a read of it fails; the other pages of the file
//! are read and mapped as before, by small entries. Copies that were made by private writes stay.
//! References that somebody else has, such as pins of devices, cannot be taken back.
//!
//! The kernel's own handler does not serve: it finds files by `folio->mapping`, which is null where
//! many files can share a page.
//!
//! # Locking
//! 1. [`SHOWN`] is held while the files of a superblock are looked at and when the superblock comes and
//!    goes.
//! 2. In it nest the superblock's list of inodes, and each mapping's `invalidate_lock`.
//! 3. [`MARKS`] is held where marks are made, and where pages become a folio or pages again: that
//!    writes all flags of a page, the mark among them, without being atomic. Under it nothing else
//!    is taken; above it may be all that a fault and an unmount hold.

use daxfs_format::FileData;
use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

use crate::inode::{self, Stored};
use crate::num::to_u64;
use crate::region::Region;
use crate::sys::lock::WriteGuard;
use crate::sys::page::{Page, Pfn, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::{raw, Table};

/// Operations of a page map.
pub(crate) static OPERATIONS: Table<raw::dev_pagemap_ops> = Table(raw::dev_pagemap_ops {
    memory_failure: Some(memory_failure),
    ..pin_init::zeroed()
});

/// Whether any page of any range was ever reported. As long as none was, nobody looks at marks.
static SEEN: Atomic<bool> = Atomic::new(false);

kernel::sync::global_lock! {
    // SAFETY: `prepare` initialises it, before there is a page map.
    unsafe(uninit) static SHOWN: Mutex<()> = ();
}

kernel::sync::global_lock! {
    // SAFETY: `prepare` initialises it, before there is a page map.
    pub(crate) unsafe(uninit) static MARKS: Mutex<()> = ();
}

/// Prepares for page maps.
///
/// # Safety
/// This is called once, while the module is loaded.
pub(crate) unsafe fn prepare() {
    // SAFETY: By the contract of this function.
    unsafe { SHOWN.init() };
    // SAFETY: As above.
    unsafe { MARKS.init() };
}

/// Whether pages can have marks.
#[inline]
pub(crate) fn seen() -> bool {
    SEEN.load(Relaxed)
}

/// Has the files of `sb`, which show the pages of `region`, looked at when one of them breaks.
///
/// # Safety
/// `sb` is a superblock of this file system; it stays valid until [`hide`] was called for the region.
pub(crate) unsafe fn show(region: &Region, sb: *mut raw::super_block) {
    set_owner(region, sb);
}

/// Forgets the superblock of a region.
pub(crate) fn hide(region: &Region) {
    set_owner(region, core::ptr::null_mut());
}

fn set_owner(region: &Region, sb: *mut raw::super_block) {
    let _shown = SHOWN.lock();
    // SAFETY: The map lives as long as the region, and the lock is held.
    unsafe { (*region.page_map()).owner = sb.cast() };
}

/// Handles `count` broken pages from `first` on. Returns 0 if the task that met one can go on, and
/// fault.
unsafe extern "C" fn memory_failure(
    map: *mut raw::dev_pagemap,
    first: c_ulong,
    count: c_ulong,
    flags: c_int,
) -> c_int {
    let shown = SHOWN.lock();
    // SAFETY: The kernel holds a reference to the map, and the pages lie in it.
    unsafe { mark(to_u64(first), to_u64(count)) };
    // SAFETY: The map is live; the lock for the owner is held.
    let sb = unsafe { (*map).owner };
    if !sb.is_null() {
        // SAFETY: The map is live.
        let ranges = unsafe { &(*map).__bindgen_anon_1 };
        // SAFETY: The union holds integers only, and maps of ours have one range.
        let start = unsafe { ranges.range.as_ref() }.start;
        let first = to_u64(first).saturating_sub(start >> PAGE_SHIFT);
        // SAFETY: A superblock that is shown is valid as long as the lock is held.
        unsafe { unmap(sb.cast(), first, to_u64(count)) };
    }
    drop(shown);
    pr_err!("memory at {:#x} is broken\n", to_u64(first) << PAGE_SHIFT);
    // CAST: A flag, which is not the uppermost.
    if flags & raw::mf_flags_MF_MUST_KILL as c_int != 0 {
        // The task cannot be continued where it was; the caller kills it for any error.
        return code::EBUSY.to_errno();
    }
    0
}

/// Marks `count` pages from the one with the number `first` on.
///
/// # Safety
/// They lie in a map that lives.
unsafe fn mark(first: u64, count: u64) {
    let _marks = MARKS.lock();
    // Whoever looks for marks under the lock sees this.
    SEEN.store(true, Relaxed);
    for number in first..first.saturating_add(count) {
        // SAFETY: By the contract of this function.
        unsafe { Page::of(Pfn(number)) }.mark_poisoned();
    }
}

/// Takes `count` pages of the image from page `first` on out of all mappings.
///
/// # Safety
/// `sb` is a superblock of this file system, and does not go meanwhile.
unsafe fn unmap(sb: *mut raw::super_block, first: u64, count: u64) {
    let mut held = core::ptr::null_mut();
    // SAFETY: The superblock is valid, and so is the head of its list of inodes.
    let head = unsafe { &raw mut (*sb).s_inodes };
    // SAFETY: The superblock is valid.
    unsafe { raw::daxfs_inodes_lock(sb) };
    // SAFETY: The list is locked.
    let mut at = unsafe { (*head).next };
    while at != head {
        // SAFETY: What is in this list is an inode, by this field.
        let inode = unsafe { kernel::container_of!(at, raw::inode, i_sb_list) };
        // SAFETY: An inode in the locked list is valid. It stays in the list while we refer to it.
        if !unsafe { raw::igrab(inode) }.is_null() {
            // SAFETY: The lock is held.
            unsafe { raw::daxfs_inodes_unlock(sb) };
            // SAFETY: Null, or the reference that was taken before; the list goes on from another.
            unsafe { raw::iput(held) };
            held = inode;
            // SAFETY: We refer to the inode, which is one of this file system.
            unsafe { unmap_from(inode, first, count) };
            // SAFETY: The superblock is valid.
            unsafe { raw::daxfs_inodes_lock(sb) };
        }
        // SAFETY: The list is locked, and the inode in it.
        at = unsafe { (*at).next };
    }
    // SAFETY: The lock is held.
    unsafe { raw::daxfs_inodes_unlock(sb) };
    // SAFETY: Null, or the reference that was taken last.
    unsafe { raw::iput(held) };
}

/// Takes pages of the image out of the mappings of one file.
///
/// # Safety
/// `inode` is an inode of this file system that somebody refers to.
unsafe fn unmap_from(inode: *mut raw::inode, first: u64, count: u64) {
    // SAFETY: The inode is valid.
    if !unsafe { raw::daxfs_inode_is_ready(inode) } {
        return;
    }
    // SAFETY: An inode that is ready was read.
    let stored = unsafe { inode::stored(inode) };
    let Some((from, length)) = shown_by(stored, first, count) else { return };
    // SAFETY: An inode has a mapping as long as it lives.
    let mapping = unsafe { (*inode).i_mapping };
    // A fault that looked for the mark before it was set holds this lock until its entry is there.
    // SAFETY: The mapping and its lock live as long as the inode. This may sleep, and what is held
    // already comes before in the order of locks.
    let _lock = unsafe { WriteGuard::take(&raw mut (*mapping).invalidate_lock) };
    // CAST: What is shown lies in an image, which has less than 2^63 bytes.
    // SAFETY: The mapping is valid. A length of 0 means up to the end.
    unsafe { raw::unmap_mapping_range(mapping, from as i64, length as i64, 0) };
}

/// Which part of a file can show these pages of the image: offset and length in bytes; a length of 0
/// stands for all that follows.
fn shown_by(stored: &Stored, first: u64, count: u64) -> Option<(u64, u64)> {
    match *stored.data().ok()? {
        FileData::Direct { offset } => {
            let begin = offset >> PAGE_SHIFT;
            let end = begin.saturating_add(stored.size.div_ceil(PAGE_SIZE));
            let (low, high) = (first.max(begin), first.saturating_add(count).min(end));
            (low < high).then(|| ((low - begin) << PAGE_SHIFT, (high - low) << PAGE_SHIFT))
        }
        // Which parts those are is in the list of extents, that is, in memory that breaks.
        FileData::Sparse(_) => Some((0, 0)),
        _ => None,
    }
}

/// Whether any of these pages is marked.
#[cold]
pub(crate) fn any_marked<'a>(mut pages: impl Iterator<Item = Page<'a>>) -> bool {
    pages.any(Page::is_poisoned)
}
