// SPDX-License-Identifier: GPL-2.0-only
//! Directories.

use core::marker::PhantomData;

use kernel::ffi::{c_int, c_uint};
use kernel::prelude::*;
use kernel::sync::aref::ARef;

use super::attr::{self, InodeAttributes};
use super::inode::{Inode, NewInode};
use super::ioctl::{self, Ioctls};
use super::xattr::{self, Xattrs};
use crate::sys::errno::{pointer, status};
use crate::sys::num::{to_loff, to_usize};
use crate::sys::raw;

/// Directories of a file system.
pub(crate) trait Directories: InodeAttributes + Xattrs + Ioctls {
    /// Returns the inode with this name, if there is one. It must be one of the directory's
    /// superblock.
    fn lookup(directory: &Inode<Self>, name: &[u8]) -> Result<Option<ARef<Inode<Self>>>>;

    /// Emits entries from the position of the reader on, until it takes no more.
    fn iterate(directory: &Inode<Self>, reader: &mut DirContext) -> Result;
}

/// A reader of a directory.
///
/// # Invariants
/// A reference is to a valid `dir_context` that only the current task uses.
#[repr(transparent)]
pub(crate) struct DirContext(raw::dir_context);

impl DirContext {
    /// Returns the position of the reader.
    pub(crate) fn position(&self) -> u64 {
        self.0.pos.unsigned_abs()
    }

    /// Sets the position of the reader.
    #[inline]
    pub(crate) fn set_position(&mut self, position: u64) {
        self.0.pos = to_loff(position);
    }

    /// Passes an entry to the reader. Returns false if it takes no more; this one it then did not
    /// take.
    #[inline]
    pub(crate) fn emit(&mut self, name: &[u8], number: u64, kind: u32) -> bool {
        let Some(actor) = self.0.actor else { return false };
        let Ok(length) = c_int::try_from(name.len()) else { return false };
        let name = name.as_ptr().cast();
        let position = self.0.pos;
        // SAFETY: By the invariant the context is valid, and the actor is its own. The name is
        // readable during the call.
        unsafe { actor(&mut self.0, name, length, position, number, kind) }
    }
}

impl<F: Directories> NewInode<F> {
    /// Makes the inode a directory.
    pub(crate) fn set_directory(&self) {
        self.set_type(raw::S_IFDIR);
        // SAFETY: The tables are those of `F`, for directories.
        unsafe {
            self.set_operations(&Tables::<F>::INODE);
            self.set_file_operations(&Tables::<F>::FILE);
        }
    }
}

struct Tables<F>(PhantomData<F>);

impl<F: Directories> Tables<F> {
    const INODE: raw::inode_operations = raw::inode_operations {
        lookup: Some(lookup::<F>),
        getattr: Some(attr::getattr::<F>),
        get_inode_acl: Some(attr::get_acl::<F>),
        listxattr: Some(xattr::list::<F>),
        ..pin_init::zeroed()
    };

    const FILE: raw::file_operations = raw::file_operations {
        llseek: Some(raw::generic_file_llseek),
        read: Some(raw::generic_read_dir),
        iterate_shared: Some(iterate::<F>),
        fsync: Some(raw::noop_fsync),
        unlocked_ioctl: Some(ioctl::ioctl::<F>),
        compat_ioctl: Some(ioctl::ioctl::<F>),
        setlease: Some(raw::generic_setlease),
        ..pin_init::zeroed()
    };
}

unsafe extern "C" fn lookup<F: Directories>(
    directory: *mut raw::inode,
    dentry: *mut raw::dentry,
    _flags: c_uint,
) -> *mut raw::dentry {
    // SAFETY: The VFS passes a directory, which it has locked, with a count; it is one of `F`,
    // since it has this table. The dentry is new and not hashed, so that its name does not change
    // during the call; it has as many bytes as its length says.
    let (directory, name) = unsafe {
        let name = raw::daxfs_dentry_name(dentry);
        let length = to_usize(raw::daxfs_qstr_length(name).into());
        (Inode::<F>::from_raw(directory), core::slice::from_raw_parts((*name).name, length))
    };
    pointer(F::lookup(directory, name).map(|found| {
        let inode = found.map_or(core::ptr::null_mut(), |inode| ARef::into_raw(inode).as_ptr());
        // SAFETY: The function takes over a count of the inode, or null, which makes the dentry
        // negative. The dentry is the one that the VFS passed.
        unsafe { raw::d_splice_alias(inode.cast(), dentry) }
    }))
}

unsafe extern "C" fn iterate<F: Directories>(
    file: *mut raw::file,
    context: *mut raw::dir_context,
) -> c_int {
    // SAFETY: The VFS passes an open directory and a context.
    if !unsafe { raw::daxfs_dir_emit_dots(file, context) } {
        return 0;
    }
    // SAFETY: An open file has a count of its inode, which is one of `F`, since the file has this
    // table. Only this task uses the context during the call; the type is transparent.
    let (directory, reader) =
        unsafe { (Inode::<F>::from_raw((*file).f_inode), &mut *context.cast::<DirContext>()) };
    status(F::iterate(directory, reader))
}
