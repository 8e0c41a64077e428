// SPDX-License-Identifier: GPL-2.0-only
//! The slab cache of in-core inodes.

use core::cell::UnsafeCell;

use kernel::error::code;
use kernel::ffi::c_void;
use kernel::prelude::*;

use super::inode::Inode;
use super::FileSystem;
use crate::sys::raw;

struct CacheCell(UnsafeCell<*mut raw::kmem_cache>);

// SAFETY: The cell is written only by `InodeCache`, before and after superblocks exist.
unsafe impl Sync for CacheCell {}

static CACHE: CacheCell = CacheCell(UnsafeCell::new(core::ptr::null_mut()));

/// The slab cache of in-core inodes.
pub(super) struct InodeCache(());

impl InodeCache {
    /// Creates the cache for inodes of `F`.
    ///
    /// # Safety
    /// There is no other such value, and while it lives no superblock of another file system than
    /// `F` uses the functions of this module. It is dropped after the last superblock.
    pub(super) unsafe fn create<F: FileSystem>() -> Result<Self> {
        const { assert!(!core::mem::needs_drop::<F::InodeInfo>()) };
        // CAST: The size is some hundred bytes.
        let size = size_of::<Inode<F>>() as u32;
        // SAFETY: The name is a C string, and `construct` initialises objects of this size.
        let cache = unsafe {
            raw::daxfs_inode_cache_create(c"daxfs_inode".as_char_ptr(), size, Some(construct))
        };
        if cache.is_null() {
            return Err(code::ENOMEM);
        }
        // SAFETY: By the contract of this function nothing else uses the cell.
        unsafe { *CACHE.0.get() = cache };
        Ok(Self(()))
    }
}

impl Drop for InodeCache {
    fn drop(&mut self) {
        // SAFETY: The function waits for inodes that are freed after a grace period; the caller may
        // sleep.
        unsafe { raw::daxfs_rcu_barrier() };
        // SAFETY: By the contract of `create` there is no superblock, and so no inode, which were
        // all freed by now; nothing else uses the cell.
        unsafe { raw::kmem_cache_destroy(*CACHE.0.get()) };
    }
}

/// Initialises an object of the slab cache, once for many inodes.
unsafe extern "C" fn construct(object: *mut c_void) {
    // SAFETY: The object has the size of an `Inode`, of which the VFS's inode is the first field.
    unsafe { raw::inode_init_once(object.cast()) };
}

/// Allocates an inode for the VFS.
pub(super) unsafe extern "C" fn allocate<F: FileSystem>(
    sb: *mut raw::super_block,
) -> *mut raw::inode {
    // SAFETY: The VFS passes a valid superblock; as long as there is one, the cache exists.
    let inode: *mut Inode<F> = unsafe { raw::daxfs_inode_alloc(*CACHE.0.get(), sb) }.cast();
    if !inode.is_null() {
        // SAFETY: The object has the size of an `Inode<F>`, and nothing else uses it yet.
        unsafe { Inode::set_info(inode, F::InodeInfo::default()) };
    }
    inode.cast()
}

/// Frees an inode, and the target of a symlink, after the last RCU reader.
pub(super) unsafe extern "C" fn free(inode: *mut raw::inode) {
    // SAFETY: The VFS passes an inode that nothing else uses; it is valid until it is freed below.
    let mode = u32::from(unsafe { (*inode).i_mode });
    if mode & raw::S_IFMT == raw::S_IFLNK {
        // SAFETY: The inode is valid, and is that of a symlink.
        let target = unsafe { raw::daxfs_inode_link(inode) };
        // SAFETY: The target of a symlink is null, or was allocated by `kmalloc()` and published.
        unsafe { raw::kfree(target.cast()) };
    }
    // SAFETY: `allocate` took the inode from this cache, which exists as long as inodes do.
    unsafe { raw::kmem_cache_free(*CACHE.0.get(), inode.cast()) };
}
