// SPDX-License-Identifier: GPL-2.0-only
//! File handles, for open_by_handle_at(2), NFS and the index of overlayfs.

use core::marker::PhantomData;

use kernel::ffi::c_int;
use kernel::prelude::*;
use kernel::sync::aref::ARef;

use super::inode::Inode;
use super::superblock::Superblock;
use super::FileSystem;
use crate::sys::errno::pointer;
use crate::sys::raw;

/// File handles of a file system.
pub(crate) trait FileHandles: FileSystem {
    /// Returns the inode of this superblock that a handle names. Its numbers may be any.
    fn find(
        superblock: &Superblock<Self>,
        number: u64,
        generation: u32,
    ) -> Result<ARef<Inode<Self>>>;

    /// Returns the directory that holds a directory. It must be one of the same superblock.
    fn parent(directory: &Inode<Self>) -> Result<ARef<Inode<Self>>>;
}

pub(super) struct Tables<F>(PhantomData<F>);

impl<F: FileHandles> Tables<F> {
    /// Export operations.
    pub(super) const EXPORT: raw::export_operations = raw::export_operations {
        encode_fh: Some(raw::generic_encode_ino32_fh),
        fh_to_dentry: Some(fh_to_dentry::<F>),
        fh_to_parent: Some(fh_to_parent::<F>),
        get_parent: Some(get_parent::<F>),
        ..pin_init::zeroed()
    };
}

unsafe extern "C" fn fh_to_dentry<F: FileHandles>(
    sb: *mut raw::super_block,
    handle: *mut raw::fid,
    length: c_int,
    kind: c_int,
) -> *mut raw::dentry {
    // SAFETY: The arguments are those that the VFS passed. The function passes the superblock on.
    unsafe { raw::generic_fh_to_dentry(sb, handle, length, kind, Some(find::<F>)) }
}

unsafe extern "C" fn fh_to_parent<F: FileHandles>(
    sb: *mut raw::super_block,
    handle: *mut raw::fid,
    length: c_int,
    kind: c_int,
) -> *mut raw::dentry {
    // SAFETY: The arguments are those that the VFS passed. The function passes the superblock on.
    unsafe { raw::generic_fh_to_parent(sb, handle, length, kind, Some(find::<F>)) }
}

unsafe extern "C" fn find<F: FileHandles>(
    sb: *mut raw::super_block,
    number: u64,
    generation: u32,
) -> *mut raw::inode {
    // SAFETY: The superblock has this table, so it is one of `F`; the mount that the handle is
    // opened on keeps it.
    let superblock = unsafe { Superblock::<F>::from_raw(sb) };
    let found = F::find(superblock, number, generation);
    pointer(found.map(|inode| ARef::into_raw(inode).as_ptr().cast()))
}

unsafe extern "C" fn get_parent<F: FileHandles>(child: *mut raw::dentry) -> *mut raw::dentry {
    // SAFETY: The VFS passes a dentry of a directory, which has a count of its inode; that is one
    // of `F`, since its superblock has this table.
    let directory = unsafe { Inode::<F>::from_raw(raw::daxfs_dentry_inode(child)) };
    pointer(F::parent(directory).map(|inode| {
        // SAFETY: The function takes over our count of the inode.
        unsafe { raw::d_obtain_alias(ARef::into_raw(inode).as_ptr().cast()) }
    }))
}
