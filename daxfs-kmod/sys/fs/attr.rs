// SPDX-License-Identifier: GPL-2.0-only
//! Attributes of stat(2), ACLs, and inodes of devices, FIFOs and sockets.

use core::ptr::NonNull;

use kernel::error::{code, from_err_ptr};
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::inode::{Inode, NewInode};
use super::xattr::{self, Xattrs};
use super::FileSystem;
use crate::sys::errno::pointer;
use crate::sys::raw;

/// Attributes that inodes of all types have.
pub(crate) trait InodeAttributes: FileSystem {
    /// Adds to the attributes that the VFS knows.
    fn stat(inode: &Inode<Self>, stat: &mut Stat<'_>);

    /// Returns an ACL, if the inode has it.
    fn acl(inode: &Inode<Self>, kind: AclKind) -> Result<Option<Acl>>;
}

/// The result of stat(2) and statx(2).
pub(crate) struct Stat<'a> {
    stat: &'a mut raw::kstat,
    mask: u32,
}

impl Stat<'_> {
    /// Declares that the file system knows which files have `STATX_ATTR_DAX`.
    pub(crate) fn declare_dax(&mut self) {
        self.stat.attributes_mask |= u64::from(raw::STATX_ATTR_DAX);
    }

    /// Sets `STATX_ATTR_DAX`.
    pub(crate) fn set_dax(&mut self) {
        self.stat.attributes |= u64::from(raw::STATX_ATTR_DAX);
    }

    /// Sets the alignment that direct I/O requires, in bytes, if the caller asks for it.
    pub(crate) fn set_direct_io_alignment(&mut self, alignment: u32) {
        if self.mask & raw::STATX_DIOALIGN != 0 {
            self.stat.result_mask |= raw::STATX_DIOALIGN;
            self.stat.dio_mem_align = alignment;
            self.stat.dio_offset_align = alignment;
        }
    }
}

/// The use of an ACL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AclKind {
    /// For access to the inode.
    Access,
    /// For what is created in a directory.
    Default,
}

/// An ACL as the VFS keeps it.
///
/// # Invariants
/// The pointer is that to an ACL with a count of ours.
pub(crate) struct Acl(NonNull<raw::posix_acl>);

impl Acl {
    fn into_raw(self) -> *mut raw::posix_acl {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Acl {
    fn drop(&mut self) {
        // SAFETY: By the invariant this gives up our count.
        unsafe { raw::daxfs_posix_acl_release(self.0.as_ptr()) };
    }
}

impl<F: FileSystem> Inode<F> {
    /// Creates an ACL from the value of an extended attribute, or `None` if it has no entry. Owners
    /// are those of the superblock's user namespace.
    pub(crate) fn parse_acl(&self, value: &[u8]) -> Result<Option<Acl>> {
        // SAFETY: The superblock is valid, and keeps its namespace for as long as it lives.
        let owners = unsafe { (*self.superblock().as_ptr()).s_user_ns };
        // SAFETY: The namespace is valid, and the value is readable. The function validates it.
        let acl = unsafe { raw::posix_acl_from_xattr(owners, value.as_ptr().cast(), value.len()) };
        // INVARIANT: The function returns an ACL with a count for the caller.
        Ok(NonNull::new(from_err_ptr(acl)?).map(Acl))
    }
}

impl<F: InodeAttributes + Xattrs> NewInode<F> {
    /// Makes the inode one without contents: a FIFO, a socket, or the device with these numbers, as
    /// the type in `mode` says.
    pub(crate) fn set_special(&self, mode: u16, (major, minor): (u32, u32)) {
        // SAFETY: The table is one of `F`, for inodes of any type.
        unsafe { self.set_operations(&Tables::<F>::SPECIAL) };
        // SAFETY: The function combines two numbers.
        let device = unsafe { raw::daxfs_mkdev(major, minor) };
        // SAFETY: The inode is new and locked. The function logs a mode that is none of these
        // types.
        unsafe { raw::init_special_inode(self.as_ptr(), mode, device) };
    }
}

struct Tables<F>(core::marker::PhantomData<F>);

impl<F: InodeAttributes + Xattrs> Tables<F> {
    const SPECIAL: raw::inode_operations = raw::inode_operations {
        getattr: Some(getattr::<F>),
        get_inode_acl: Some(get_acl::<F>),
        listxattr: Some(xattr::list::<F>),
        ..pin_init::zeroed()
    };
}

pub(super) unsafe extern "C" fn getattr<F: InodeAttributes>(
    idmap: *mut raw::mnt_idmap,
    path: *const raw::path,
    stat: *mut raw::kstat,
    mask: u32,
    _flags: u32,
) -> c_int {
    // SAFETY: The VFS passes a path with a reference to a dentry that has an inode, and a `stat` of
    // its own to be filled. The inode is one of `F`, since it has this table.
    let (inode, stat) = unsafe {
        let inode = raw::daxfs_dentry_inode((*path).dentry);
        raw::generic_fillattr(idmap, mask, inode, stat);
        (Inode::<F>::from_raw(inode), &mut *stat)
    };
    F::stat(inode, &mut Stat { stat, mask });
    0
}

pub(super) unsafe extern "C" fn get_acl<F: InodeAttributes>(
    inode: *mut raw::inode,
    kind: c_int,
    rcu: bool,
) -> *mut raw::posix_acl {
    if rcu {
        // The VFS repeats the walk where sleeping is allowed. Under RCU the inode may have no
        // count.
        return code::ECHILD.to_ptr();
    }
    let kind = match kind {
        raw::DAXFS_ACL_TYPE_ACCESS => AclKind::Access,
        _ => AclKind::Default,
    };
    // SAFETY: Outside of RCU walks the VFS passes an inode with a count; it is one of `F`, since it
    // has this table.
    let inode = unsafe { Inode::<F>::from_raw(inode) };
    pointer(F::acl(inode, kind).map(|acl| acl.map_or(core::ptr::null_mut(), Acl::into_raw)))
}
