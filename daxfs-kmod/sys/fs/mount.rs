// SPDX-License-Identifier: GPL-2.0-only
//! Making, filling and ending superblocks.

use core::marker::PhantomData;
use core::ops::Deref;

use kernel::error::{code, from_err_ptr};
use kernel::ffi::{c_int, c_long, c_void};
use kernel::prelude::*;
use kernel::sync::aref::ARef;
use kernel::sync::{Arc, SetOnce};

use super::cache::{allocate, free};
use super::context::{FsContext, Parameters, READ_ONLY};
use super::export::{self, FileHandles};
use super::inode::{Inode, ReadInode};
use super::status::{MountDirectory, Status};
use super::superblock::{Info, Superblock, WeakSuperblock};
use super::xattr::{Handlers, Xattrs};
use super::FileSystem;
use crate::sys::errno::status;
use crate::sys::num::to_usize;
use crate::sys::raw;
use crate::sys::size::{PAGE_SHIFT, PAGE_SIZE};

/// Mounts of a file system.
pub(crate) trait Mounts: Parameters + ReadInode + Xattrs + FileHandles + Status {
    /// Service that mounts use: it exists before the first mount, and until after the last one.
    type Service: Send + Sync;

    /// Name of the file system type.
    const NAME: &'static CStr;

    /// Finds or makes the superblock that a context asks for.
    fn get_tree(context: &FsContext<'_, Self>) -> Result<LockedSuperblock<Self>>;

    /// Changes a mount as a context asks.
    fn reconfigure(context: &FsContext<'_, Self>, mount: &Self::Mount) -> Result;

    /// Returns the numbers for statfs(2).
    fn statfs(mount: &Self::Mount) -> Statistics;

    /// Prints the options of a mount, each after a comma.
    fn show_options(mount: &Self::Mount, into: &SeqFile<'_>);
}

/// Numbers for statfs(2).
pub(crate) struct Statistics {
    /// `f_type`.
    pub(crate) magic: u32,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Number of inodes.
    pub(crate) inodes: u64,
    /// Length of the longest name in bytes.
    pub(crate) name_length: u32,
    /// UUID.
    pub(crate) uuid: [u8; 16],
}

/// A file that the kernel prints to.
pub(crate) struct SeqFile<'a>(*mut raw::seq_file, PhantomData<&'a mut raw::seq_file>);

impl SeqFile<'_> {
    /// Prints a text.
    pub(crate) fn print(&self, text: core::fmt::Arguments<'_>) {
        let arguments = (&raw const text).cast::<c_void>();
        // SAFETY: The file is valid; `%pA` takes a pointer to `Arguments`.
        unsafe { raw::seq_printf(self.0, c"%pA".as_char_ptr(), arguments) };
    }
}

/// A superblock that is locked for a context.
///
/// # Invariants
/// The superblock is one of `F`, and valid; we have an active reference to it and hold its
/// `s_umount` for writing. It has a root, except in a [`NewSuperblock`].
pub(crate) struct LockedSuperblock<F: FileSystem>(*mut raw::super_block, PhantomData<F>);

impl<F: FileSystem> Deref for LockedSuperblock<F> {
    type Target = Superblock<F>;

    fn deref(&self) -> &Superblock<F> {
        // SAFETY: By the invariant the superblock is one of `F`, and is not shut down while it is
        // locked.
        unsafe { Superblock::from_raw(self.0) }
    }
}

impl<F: FileSystem> Drop for LockedSuperblock<F> {
    /// Gives up the reference, which ends a superblock that has no other.
    fn drop(&mut self) {
        // SAFETY: By the invariant the superblock is locked and we have a reference.
        unsafe { raw::deactivate_locked_super(self.0) };
    }
}

/// A superblock without a root, to be filled.
pub(crate) struct NewSuperblock<F: FileSystem>(LockedSuperblock<F>);

impl<F: FileSystem> Deref for NewSuperblock<F> {
    type Target = Superblock<F>;

    fn deref(&self) -> &Superblock<F> {
        &self.0
    }
}

impl<F: Mounts> NewSuperblock<F> {
    /// Sets the state of the mount, and the attributes that the VFS keeps.
    pub(crate) fn set_up(&self, mount: F::Mount) -> Result<&F::Mount> {
        let sb = self.as_ptr();
        // SAFETY: The superblock is one of `F`. Its state lives as long as it does; the field is
        // set atomically.
        unsafe { &(*Superblock::<F>::info(sb)).mount }.populate(mount);
        let mount = self.mount()?;
        let Statistics { magic, uuid, .. } = F::statfs(mount);
        let operations: &'static raw::super_operations = &Tables::<F>::SUPER;
        let export: &'static raw::export_operations = &export::Tables::<F>::EXPORT;
        let handlers: &'static [*const raw::xattr_handler; 4] = &Handlers::<F>::TABLE;
        // SAFETY: By the invariant the superblock is locked, and it has no root. Others find it in
        // lists, read its flags and count references in it, and wait for its lock; nothing else
        // accesses what is written here, and the flags are written by the holder of the lock. No
        // Rust reference is made to what they write. The tables are those of `F`; the UUID has 16
        // bytes.
        unsafe {
            (*sb).s_magic = to_usize(magic.into());
            (*sb).s_op = operations;
            (*sb).s_xattr = handlers.as_ptr();
            (*sb).s_export_op = export;
            (*sb).s_maxbytes = raw::DAXFS_MAX_LFS_FILESIZE;
            (*sb).s_blocksize = to_usize(PAGE_SIZE);
            // CAST: The size of a page is below 2^64.
            (*sb).s_blocksize_bits = PAGE_SHIFT as u8;
            (*sb).s_time_gran = 1;
            (*sb).s_flags |= raw::DAXFS_SB_RDONLY | raw::DAXFS_SB_POSIXACL;
            // Others may write the memory, of which the kernel learns nothing: IMA verifies a file
            // each time that it is opened, instead of once.
            (*sb).s_iflags |= raw::DAXFS_SB_I_IMA_UNVERIFIABLE_SIGNATURE;
            raw::daxfs_super_set_uuid(sb, uuid.as_ptr());
        }
        Ok(mount)
    }

    /// Creates a reference that is cleared before the superblock ends.
    pub(crate) fn downgrade(&self) -> Result<Arc<WeakSuperblock<F>>> {
        // SAFETY: The reference is stored below for `kill_superblock`, which clears it; if that
        // fails, the reference is dropped here, and nothing has a copy.
        let weak = unsafe { WeakSuperblock::new(self) }?;
        // SAFETY: The superblock is one of `F`. Its state lives as long as it does; the field is
        // set atomically.
        match unsafe { &(*Superblock::<F>::info(self.as_ptr())).weak }.populate(weak.clone()) {
            true => Ok(weak),
            false => Err(code::EBUSY),
        }
    }

    /// Gives the superblock its root, and makes it active. Returns `EINVAL` for an inode of another
    /// superblock.
    pub(crate) fn finish(self, root: ARef<Inode<F>>) -> Result<LockedSuperblock<F>> {
        if root.superblock().as_ptr() != self.as_ptr() {
            return Err(code::EINVAL);
        }
        // SAFETY: The directory is stored below for `kill_superblock`, which drops it before the
        // superblock is shut down; if that fails, it is dropped here.
        let directory = unsafe { MountDirectory::create(&self) }?;
        // SAFETY: The superblock is one of `F`. Its state lives as long as it does; the field is
        // set atomically.
        unsafe { &(*Superblock::<F>::info(self.as_ptr())).directory }.populate(directory);
        // SAFETY: The function takes over our count of the inode, also when it fails.
        let root = unsafe { raw::d_make_root(ARef::into_raw(root).as_ptr().cast()) };
        if root.is_null() {
            return Err(code::ENOMEM);
        }
        // SAFETY: By the invariant the superblock is valid and locked; it takes over the dentry.
        unsafe {
            (*self.as_ptr()).s_root = root;
            (*self.as_ptr()).s_flags |= raw::DAXFS_SB_ACTIVE;
        }
        Ok(self.0)
    }
}

/// The superblock that a context asks for.
pub(crate) enum Found<F: FileSystem> {
    /// There was none with this key.
    New(NewSuperblock<F>),
    /// There is one.
    Existing(LockedSuperblock<F>),
}

impl<F: Mounts> FsContext<'_, F> {
    /// Finds the superblock with a key, or makes one. It is read-only.
    pub(crate) fn superblock(&self, key: F::Key) -> Result<Found<F>> {
        let info = Info::<F> { key, mount: SetOnce::new(), weak: SetOnce::new(), directory: SetOnce::new() };
        let info = KBox::new(info, GFP_KERNEL)?;
        let context = self.as_ptr();
        // SAFETY: By its invariant the context is valid and used by nothing else. Its state is
        // an `Info<F>`, which `is_same` demands and a new superblock takes over.
        let sb = unsafe {
            (*context).s_fs_info = KBox::into_raw(info).cast();
            (*context).sb_flags |= READ_ONLY;
            raw::sget_fc(context, Some(is_same::<F>), Some(raw::set_anon_super_fc))
        };
        // INVARIANT: The function returns a superblock of the context's type, valid, locked and
        // with a reference for us.
        let found = LockedSuperblock(from_err_ptr(sb)?, PhantomData);
        // SAFETY: The superblock is valid and locked.
        match unsafe { (*sb).s_root }.is_null() {
            true => Ok(Found::New(NewSuperblock(found))),
            false => Ok(Found::Existing(found)),
        }
    }

    /// Gives the context a superblock, with its reference and its lock.
    pub(super) fn set_root(&self, superblock: LockedSuperblock<F>) {
        let sb = core::mem::ManuallyDrop::new(superblock).0;
        // SAFETY: The context is valid and used by nothing else. The superblock is valid and
        // locked, and has a root. The context takes over reference and lock.
        unsafe { (*self.as_ptr()).root = raw::daxfs_dget((*sb).s_root) };
    }
}

struct Tables<F>(PhantomData<F>);

impl<F: Mounts> Tables<F> {
    const SUPER: raw::super_operations = raw::super_operations {
        alloc_inode: Some(allocate::<F>),
        free_inode: Some(free),
        put_super: Some(put_super::<F>),
        statfs: Some(statfs::<F>),
        show_options: Some(show_options::<F>),
        ..pin_init::zeroed()
    };
}

/// Frees the state that a context had for a superblock, if no superblock took it over.
///
/// # Safety
/// `context` is a context of `F`, and nothing uses it any more.
pub(super) unsafe fn free_info<F: FileSystem>(context: *mut raw::fs_context) {
    // SAFETY: By the contract of this function.
    let info = unsafe { (*context).s_fs_info }.cast::<Info<F>>();
    if !info.is_null() {
        // SAFETY: `FsContext::superblock` put the box there.
        drop(unsafe { KBox::from_raw(info) });
    }
}

/// Returns true if a superblock has the key that a context asks for.
unsafe extern "C" fn is_same<F: FileSystem>(
    sb: *mut raw::super_block,
    context: *mut raw::fs_context,
) -> c_int {
    // SAFETY: The VFS passes a superblock of the context's type, which has a state until it is
    // freed, and the context of `FsContext::superblock`, which gave it one. Nothing writes the
    // keys.
    let (have, wanted) = unsafe {
        let wanted = (*context).s_fs_info.cast::<Info<F>>();
        ((*Superblock::<F>::info(sb)).key, (*wanted).key)
    };
    c_int::from(have == wanted)
}

/// Drops the state of the mount after the last inode. The superblock can still be found: another
/// mount with its key waits for its end, and then finds the memory free.
unsafe extern "C" fn put_super<F: Mounts>(sb: *mut raw::super_block) {
    // SAFETY: The superblock is one of `F`. It is locked for being shut down and has neither inodes
    // nor mounts, so that nothing has a reference to the field or will get one; others only read
    // the key.
    unsafe { (*Superblock::<F>::info(sb)).mount = SetOnce::new() };
}

/// Ends a superblock.
pub(super) unsafe extern "C" fn kill_superblock<F: Mounts>(sb: *mut raw::super_block) {
    // SAFETY: The VFS passes a locked superblock of `F`. Its state is valid until it is freed
    // below.
    let info = unsafe { Superblock::<F>::info(sb) };
    // SAFETY: The superblock is locked and has neither mounts nor, if it is being filled, another
    // user: nothing else accesses the field.
    unsafe { (*info).directory = SetOnce::new() };
    // SAFETY: The state is valid; the field is not written any more.
    if let Some(weak) = unsafe { &(*info).weak }.as_ref() {
        weak.clear();
    }
    // SAFETY: The superblock is valid and locked.
    if unsafe { (*sb).s_root }.is_null() {
        // The VFS does this for superblocks with a root. Here the mount failed, perhaps after the
        // image was opened; another mount of the address waits until the next call lets it
        // continue.
        // SAFETY: The superblock is locked; without a root it keeps no inode.
        unsafe { put_super::<F>(sb) };
    }
    // SAFETY: `set_anon_super_fc` set the superblock up.
    unsafe { raw::kill_anon_super(sb) };
    // SAFETY: `FsContext::superblock` put the box there; the superblock has no inodes any more, and
    // cannot be found.
    drop(unsafe { KBox::from_raw(info) });
}

unsafe extern "C" fn statfs<F: Mounts>(dentry: *mut raw::dentry, into: *mut raw::kstatfs) -> c_int {
    // SAFETY: The VFS passes a dentry of a superblock of `F`, since it has this table, with a
    // reference, and a structure of its own to be filled.
    let (superblock, into) =
        unsafe { (Superblock::<F>::from_raw((*dentry).d_sb), &mut *into) };
    status(superblock.mount().map(|mount| {
        let Statistics { magic, size, inodes, name_length, mut uuid } = F::statfs(mount);
        // CAST: `c_long` has 64 bits; all three numbers are below 2^63.
        into.f_type = magic as c_long;
        into.f_bsize = PAGE_SIZE as c_long;
        into.f_namelen = name_length as c_long;
        into.f_blocks = size.div_ceil(PAGE_SIZE);
        into.f_files = inodes;
        // SAFETY: The UUID has 16 bytes.
        into.f_fsid = unsafe { raw::daxfs_fsid(uuid.as_mut_ptr()) };
    }))
}

unsafe extern "C" fn show_options<F: Mounts>(
    seq: *mut raw::seq_file,
    root: *mut raw::dentry,
) -> c_int {
    // SAFETY: The VFS passes a dentry of a superblock of `F`, since it has this table, with a
    // reference.
    let superblock = unsafe { Superblock::<F>::from_raw((*root).d_sb) };
    let into = SeqFile(seq, PhantomData);
    status(superblock.mount().map(|mount| F::show_options(mount, &into)))
}
