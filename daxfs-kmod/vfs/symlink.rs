// SPDX-License-Identifier: GPL-2.0-only
//! Symbolic links.
//!
//! A target is copied out when it is followed for the first time, and then stays with the inode, so
//! that path walks under RCU find it there.

use daxfs_format::InodeKind;
use kernel::alloc::flags::GFP_KERNEL;
use kernel::error::code;
use kernel::ffi::c_char;
use kernel::prelude::*;

use super::{attr, xattr};
use crate::errno;
use crate::inode;
use crate::sys::{pointer, raw, Table};

/// Inode operations.
pub(crate) static INODE: Table<raw::inode_operations> = Table(raw::inode_operations {
    get_link: Some(get_link),
    getattr: Some(attr::getattr),
    listxattr: Some(xattr::list),
    ..pin_init::zeroed()
});

unsafe extern "C" fn get_link(
    dentry: *mut raw::dentry,
    inode: *mut raw::inode,
    _done: *mut raw::delayed_call,
) -> *const c_char {
    if dentry.is_null() {
        // The walk is repeated where sleeping is allowed.
        return pointer::<c_char>(Err(code::ECHILD));
    }
    // SAFETY: The inode is one of ours, and lives at least as long as the dentry.
    pointer(unsafe { publish_target(inode) })
}

/// Reads the target and hangs it on the inode, where it stays until the inode is freed.
///
/// # Safety
/// `inode` is an inode of this file system.
unsafe fn publish_target(inode: *mut raw::inode) -> Result<*mut c_char> {
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(inode) }?;
    let InodeKind::Symlink(link) = &stored.kind else { return Err(code::EINVAL) };
    let length = usize::from(link.length());
    let mut target = KVec::from_elem(0_u8, length + 1, GFP_KERNEL)?;
    let room = target.get_mut(..length).ok_or(code::EINVAL)?;
    let image = mounted.image();
    image.read_link(link, room).map_err(errno::reported(image))?;
    let (target, _, _) = target.into_raw_parts();
    // SAFETY: The target is a C string from `kmalloc()`, which `inode::free` frees.
    let before = unsafe { raw::daxfs_inode_publish_link(inode, target.cast()) };
    if before.is_null() {
        return Ok(target.cast());
    }
    // SAFETY: Somebody else was faster, so nobody has seen ours.
    unsafe { raw::kfree(target.cast()) };
    Ok(before)
}
