// SPDX-License-Identifier: GPL-2.0-only
//! The page cache, through which packed files and the holes of sparse ones are mapped.

use core::mem::MaybeUninit;

use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::errno;
use crate::inode;
use crate::num::{to_u64, to_usize};
use crate::sys::copy::zeroed;
use crate::sys::page::PAGE_SIZE;
use crate::sys::{raw, status, Table};

/// Operations of a file's mapping.
pub(crate) static MAPPING: Table<raw::address_space_operations> =
    Table(raw::address_space_operations { read_folio: Some(read_folio), ..pin_init::zeroed() });

unsafe extern "C" fn read_folio(_file: *mut raw::file, folio: *mut raw::folio) -> c_int {
    // SAFETY: The folio is locked, and belongs to a file of ours.
    let filled = unsafe { fill(folio) };
    // SAFETY: As above; this unlocks it.
    unsafe { raw::folio_end_read(folio, filled.is_ok()) };
    status(filled.map(|()| 0))
}

/// Fills a folio with the file's bytes, and zeros behind the end.
///
/// # Safety
/// `folio` is locked and belongs to a regular file of this file system.
unsafe fn fill(folio: *mut raw::folio) -> Result {
    // SAFETY: A locked folio stays in its mapping.
    let inode = unsafe { raw::daxfs_folio_inode(folio) };
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(inode) }?;
    // SAFETY: The folio is valid.
    let size = unsafe { raw::daxfs_folio_size(folio) };
    // SAFETY: As above.
    let start = unsafe { raw::daxfs_folio_pos(folio) };
    let start = u64::try_from(start).map_err(|_| code::EINVAL)?;
    for offset in (0..size).step_by(to_usize(PAGE_SIZE)) {
        // SAFETY: The offset lies in the folio.
        let page = unsafe { LocalMap::new(folio, offset) };
        let at = start.saturating_add(to_u64(offset));
        // SAFETY: Nobody else uses a locked folio that is not up to date: user space has no mapping of
        // it yet, and who finds it waits for the lock.
        let bytes = zeroed(unsafe { page.bytes() });
        let image = mounted.image();
        // What lies behind the end of the file keeps its zeros.
        image
            .read(stored.data()?, stored.size, at, bytes)
            .map_err(errno::reported(image))?;
    }
    // SAFETY: The folio is valid.
    unsafe { raw::daxfs_flush_dcache_folio(folio) };
    Ok(())
}

/// One page of a folio, mapped for this CPU.
struct LocalMap(*mut u8);

impl LocalMap {
    /// # Safety
    /// `offset` is a multiple of the page size and lies in `folio`, which outlives the map.
    unsafe fn new(folio: *mut raw::folio, offset: usize) -> Self {
        // SAFETY: By the contract of this function.
        Self(unsafe { raw::daxfs_kmap_local(folio, offset) }.cast())
    }

    /// # Safety
    /// Nobody else uses the page for as long as the slice is used.
    #[expect(clippy::mut_from_ref, reason = "the page is exclusive by contract")]
    unsafe fn bytes(&self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: A page is mapped there, for as long as `self` lives, and is exclusive by the contract
        // of this function.
        unsafe { core::slice::from_raw_parts_mut(self.0.cast(), to_usize(PAGE_SIZE)) }
    }
}

impl Drop for LocalMap {
    fn drop(&mut self) {
        // SAFETY: The address came from `kmap_local_folio()`; maps are dropped in reverse order.
        unsafe { raw::daxfs_kunmap_local(self.0.cast()) };
    }
}
