// SPDX-License-Identifier: GPL-2.0-only
//! Folios of the page cache.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::inode::Inode;
use super::FileSystem;
use crate::sys::copy::zeroed;
use crate::sys::errno::status;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;
use crate::sys::size::PAGE_SIZE;

/// Files that are mapped through the page cache.
pub(crate) trait CachedFiles: FileSystem {
    /// Reads bytes of a file from `start` on into a page of zeros. Those behind its end keep the
    /// zeros.
    fn read_page(inode: &Inode<Self>, start: u64, into: &mut [u8]) -> Result;
}

pub(super) struct Tables<F>(PhantomData<F>);

impl<F: CachedFiles> Tables<F> {
    /// Operations of a file's mapping.
    pub(super) const MAPPING: raw::address_space_operations = raw::address_space_operations {
        read_folio: Some(read_folio::<F>),
        ..pin_init::zeroed()
    };
}

/// A folio of a file of `F`.
///
/// # Invariants
/// The folio is valid and locked by us, belongs to a file of `F`, and is not up to date: user space
/// has no mapping of it, and all tasks that find it wait for the lock.
struct LockedFolio<F>(*mut raw::folio, PhantomData<F>);

impl<F: CachedFiles> LockedFolio<F> {
    /// Fills the folio with the bytes of its file, and zeros behind the end.
    fn fill(&mut self) -> Result {
        // SAFETY: By the invariant the folio is valid. While it is locked, it stays in its mapping,
        // whose inode has a count: a read or a fault of an open file led here.
        let (inode, size, position) = unsafe {
            let inode = Inode::<F>::from_raw(raw::daxfs_folio_inode(self.0));
            (inode, raw::daxfs_folio_size(self.0), raw::daxfs_folio_pos(self.0))
        };
        let start = u64::try_from(position).map_err(|_| code::EINVAL)?;
        for offset in (0..size).step_by(to_usize(PAGE_SIZE)) {
            // SAFETY: The offset is a multiple of the page size and lies in the folio.
            let mut page = unsafe { LocalMap::new(self, offset) };
            let bytes = zeroed(page.bytes());
            F::read_page(inode, start.saturating_add(to_u64(offset)), bytes)?;
        }
        // SAFETY: By the invariant the folio is valid.
        unsafe { raw::daxfs_flush_dcache_folio(self.0) };
        Ok(())
    }
}

unsafe extern "C" fn read_folio<F: CachedFiles>(
    _file: *mut raw::file,
    folio: *mut raw::folio,
) -> c_int {
    // INVARIANT: The VFS passes a locked folio that is not up to date, of an inode with this table.
    let filled = LockedFolio::<F>(folio, PhantomData).fill();
    // SAFETY: The folio is still locked; this unlocks it.
    unsafe { raw::folio_end_read(folio, filled.is_ok()) };
    status(filled)
}

/// One page of a folio, mapped for this processor.
///
/// # Invariants
/// The address is that of a mapped page, which nothing else uses while the folio is borrowed.
struct LocalMap<'a>(*mut u8, PhantomData<&'a mut ()>);

impl<'a> LocalMap<'a> {
    /// Maps a page.
    ///
    /// # Safety
    /// `offset` is a multiple of the page size and lies in the folio.
    unsafe fn new<F>(folio: &'a mut LockedFolio<F>, offset: usize) -> Self {
        // INVARIANT: Nothing else uses a folio that is locked and not up to date.
        // SAFETY: The folio is valid; the offset is by the contract of this function.
        Self(unsafe { raw::daxfs_kmap_local(folio.0, offset) }.cast(), PhantomData)
    }

    fn bytes(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: By the invariant a page is mapped there and exclusive; `MaybeUninit` requires no
        // values.
        unsafe { core::slice::from_raw_parts_mut(self.0.cast(), to_usize(PAGE_SIZE)) }
    }
}

impl Drop for LocalMap<'_> {
    fn drop(&mut self) {
        // SAFETY: The address came from `kmap_local_folio()`. There is one map at a time, so that
        // maps are dropped in reverse order.
        unsafe { raw::daxfs_kunmap_local(self.0.cast()) };
    }
}
