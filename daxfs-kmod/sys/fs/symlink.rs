// SPDX-License-Identifier: GPL-2.0-only
//! Symbolic links.
//!
//! A target is read when the link is followed for the first time, and stays with the inode, where
//! path walks under RCU find it.

use core::marker::PhantomData;

use kernel::alloc::flags::GFP_KERNEL_ACCOUNT;
use kernel::error::code;
use kernel::ffi::c_char;
use kernel::prelude::*;

use super::attr::{self, InodeAttributes};
use super::inode::{Inode, NewInode};
use super::xattr::{self, Xattrs};
use super::FileSystem;
use crate::sys::errno::pointer;
use crate::sys::raw;

/// Symbolic links of a file system.
pub(crate) trait Symlinks: InodeAttributes + Xattrs {
    /// Reads the target of a link.
    fn target(inode: &Inode<Self>) -> Result<Target>;
}

/// The target of a link.
///
/// # Invariants
/// The last byte is NUL.
pub(crate) struct Target(KVec<u8>);

impl Target {
    /// Allocates a target of this length. It lives as long as the inode, and is charged to the
    /// control group of the task like that.
    pub(crate) fn new(length: usize) -> Result<Self> {
        let bytes = KVec::from_elem(0_u8, length + 1, GFP_KERNEL_ACCOUNT)?;
        // INVARIANT: All bytes are NUL.
        Ok(Self(bytes))
    }

    /// Returns the bytes, without the NUL at the end.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        match self.0.split_last_mut() {
            Some((_nul, bytes)) => bytes,
            None => &mut [],
        }
    }
}

impl<F: FileSystem> Inode<F> {
    /// Attaches a target to the inode, where it stays until the inode is freed. Returns the one
    /// that is attached, which may be that of another task.
    fn publish_target(&self, target: Target) -> *const c_char {
        let (target, _, _) = target.0.into_raw_parts();
        // SAFETY: The inode is that of a symlink. By its invariant the target is a C string, and it
        // was allocated by `kmalloc()`, as `inode::free` demands.
        let before = unsafe { raw::daxfs_inode_publish_link(self.as_ptr(), target.cast()) };
        if before.is_null() {
            return target.cast();
        }
        // SAFETY: Another task was faster. Nothing has seen this target, which `kmalloc()`
        // allocated.
        unsafe { raw::kfree(target.cast()) };
        before
    }
}

impl<F: Symlinks> NewInode<F> {
    /// Makes the inode a symbolic link.
    pub(crate) fn set_symlink(&self) {
        self.set_type(raw::S_IFLNK);
        // SAFETY: The table is one of `F`, for symbolic links.
        unsafe { self.set_operations(&Tables::<F>::INODE) };
    }
}

struct Tables<F>(PhantomData<F>);

impl<F: Symlinks> Tables<F> {
    const INODE: raw::inode_operations = raw::inode_operations {
        get_link: Some(get_link::<F>),
        getattr: Some(attr::getattr::<F>),
        listxattr: Some(xattr::list::<F>),
        ..pin_init::zeroed()
    };
}

unsafe extern "C" fn get_link<F: Symlinks>(
    dentry: *mut raw::dentry,
    inode: *mut raw::inode,
    _done: *mut raw::delayed_call,
) -> *const c_char {
    if dentry.is_null() {
        // The VFS repeats the walk where sleeping is allowed. Under RCU the inode may have no
        // count.
        return code::ECHILD.to_ptr::<c_char>();
    }
    // SAFETY: With a dentry the VFS passes its inode, which has a count during the call; it is one
    // of `F`, since it has this table.
    let inode = unsafe { Inode::<F>::from_raw(inode) };
    pointer(F::target(inode).map(|target| inode.publish_target(target).cast_mut()))
}
