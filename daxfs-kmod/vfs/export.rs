// SPDX-License-Identifier: GPL-2.0-only
//! File handles, for open_by_handle_at(2), NFS and the index of overlayfs.
//!
//! A handle holds the inode number and a generation that comes from the identity of the image: a
//! handle of another image is stale, wherever that image was mounted.

use daxfs_format::Ino;
use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::sys::{pointer, raw, Table};
use crate::{errno, inode, mount};

/// Export operations.
pub(crate) static OPERATIONS: Table<raw::export_operations> = Table(raw::export_operations {
    encode_fh: Some(raw::generic_encode_ino32_fh),
    fh_to_dentry: Some(fh_to_dentry),
    fh_to_parent: Some(fh_to_parent),
    get_parent: Some(get_parent),
    ..pin_init::zeroed()
});

unsafe extern "C" fn fh_to_dentry(
    sb: *mut raw::super_block,
    handle: *mut raw::fid,
    length: c_int,
    kind: c_int,
) -> *mut raw::dentry {
    // SAFETY: The arguments are those that the VFS gave us.
    unsafe { raw::generic_fh_to_dentry(sb, handle, length, kind, Some(get_inode)) }
}

unsafe extern "C" fn fh_to_parent(
    sb: *mut raw::super_block,
    handle: *mut raw::fid,
    length: c_int,
    kind: c_int,
) -> *mut raw::dentry {
    // SAFETY: The arguments are those that the VFS gave us.
    unsafe { raw::generic_fh_to_parent(sb, handle, length, kind, Some(get_inode)) }
}

/// The inode that a handle names; its numbers may be anything.
unsafe extern "C" fn get_inode(
    sb: *mut raw::super_block,
    number: u64,
    generation: u32,
) -> *mut raw::inode {
    // SAFETY: The superblock is one of ours.
    pointer(unsafe { find(sb, number, generation) })
}

/// # Safety
/// `sb` is a superblock of this file system.
unsafe fn find(
    sb: *mut raw::super_block,
    number: u64,
    generation: u32,
) -> Result<*mut raw::inode> {
    // SAFETY: The superblock is ours.
    let mounted = unsafe { mount::mounted(sb) }?;
    let ino = u32::try_from(number).ok().and_then(Ino::new);
    let ino = ino.filter(|ino| ino.get() <= mounted.image().inode_count());
    let ino = ino.filter(|_| generation == mounted.generation()).ok_or_else(errno::stale)?;
    // SAFETY: The superblock is ours.
    unsafe { inode::get(sb, ino) }
}

/// The directory that holds a directory.
unsafe extern "C" fn get_parent(child: *mut raw::dentry) -> *mut raw::dentry {
    // SAFETY: The dentry is valid.
    let inode = unsafe { raw::daxfs_dentry_inode(child) };
    // SAFETY: The dentry has an inode, a directory of ours.
    match unsafe { parent_of(inode) } {
        // SAFETY: This takes our reference to the inode over.
        Ok(inode) => unsafe { raw::d_obtain_alias(inode) },
        Err(error) => crate::sys::err_pointer(error),
    }
}

/// # Safety
/// `inode` is an inode of this file system.
unsafe fn parent_of(inode: *mut raw::inode) -> Result<*mut raw::inode> {
    // SAFETY: The inode is ours.
    let parent = unsafe { inode::stored(inode) }.directory()?.parent();
    // SAFETY: As above.
    let sb = unsafe { (*inode).i_sb };
    // SAFETY: The superblock is that of an inode of ours.
    unsafe { inode::get(sb, parent) }
}
