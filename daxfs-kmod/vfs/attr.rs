// SPDX-License-Identifier: GPL-2.0-only
//! What inodes of all types have: attributes of stat(2), ACLs.

use daxfs_format::{FileData, InodeKind, Namespace};
use kernel::error::{code, from_err_ptr};
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::xattr;
use crate::errno;
use crate::inode;
use crate::mounted::Image;
use crate::sys::{pointer, raw};

/// Fills what stat(2) and statx(2) tell.
pub(crate) unsafe extern "C" fn getattr(
    idmap: *mut raw::mnt_idmap,
    path: *const raw::path,
    stat: *mut raw::kstat,
    mask: u32,
    _flags: u32,
) -> c_int {
    // SAFETY: The path is valid.
    let dentry = unsafe { (*path).dentry };
    // SAFETY: The path names an inode.
    let inode = unsafe { raw::daxfs_dentry_inode(dentry) };
    // SAFETY: All arguments are valid, as the VFS calls.
    unsafe { raw::generic_fillattr(idmap, mask, inode, stat) };
    // SAFETY: The caller wants this to be filled.
    let stat = unsafe { &mut *stat };
    let attribute = u64::from(raw::STATX_ATTR_DAX);
    stat.attributes_mask |= attribute;
    // SAFETY: The inode is one of ours.
    let InodeKind::Regular(data) = unsafe { inode::stored(inode) }.kind else { return 0 };
    if matches!(data, FileData::Direct { .. } | FileData::Sparse(_)) {
        stat.attributes |= attribute;
    }
    if mask & raw::STATX_DIOALIGN != 0 {
        // Every read copies bytes, so nothing needs to be aligned.
        stat.result_mask |= raw::STATX_DIOALIGN;
        stat.dio_mem_align = 1;
        stat.dio_offset_align = 1;
    }
    0
}

/// The ACL of an inode, or null if it has none.
pub(crate) unsafe extern "C" fn get_acl(
    inode: *mut raw::inode,
    kind: c_int,
    rcu: bool,
) -> *mut raw::posix_acl {
    if rcu {
        // The walk is repeated where sleeping is allowed.
        return pointer(Err(code::ECHILD));
    }
    let namespace = match kind {
        raw::DAXFS_ACL_TYPE_ACCESS => Namespace::AclAccess,
        _ => Namespace::AclDefault,
    };
    // SAFETY: The inode is one of ours.
    pointer(unsafe { read_acl(inode, namespace) })
}

/// # Safety
/// `inode` is an inode of this file system.
unsafe fn read_acl(
    inode: *mut raw::inode,
    namespace: Namespace,
) -> Result<*mut raw::posix_acl> {
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(inode) }?;
    let Some(value) = xattr::read(mounted.image(), stored, namespace, b"")? else {
        return Ok(core::ptr::null_mut());
    };
    // SAFETY: The inode is valid.
    let sb = unsafe { (*inode).i_sb };
    // SAFETY: An inode has a superblock, whose owners are those of the initial namespace, as an image's are.
    let owners = unsafe { (*sb).s_user_ns };
    // SAFETY: The namespace lives as long as the superblock; the value is readable. The function
    // validates it.
    let acl = unsafe { raw::posix_acl_from_xattr(owners, value.as_ptr().cast(), value.len()) };
    // SAFETY: The inode is valid.
    let number = unsafe { (*inode).i_ino };
    from_err_ptr(acl).map_err(|error| refused_acl(error, mounted.image(), number))
}

/// The number for an ACL that the kernel does not take. Its own would reach whoever walks a path, and some of
/// them say that there is none.
fn refused_acl(error: Error, image: &Image, inode: u64) -> Error {
    if error == code::ENOMEM {
        return error;
    }
    errno::reported_corrupt(image, format_args!("inode {inode} has an ACL that is none"))
}
