// SPDX-License-Identifier: GPL-2.0-only
//! In-core inodes: what an inode of the image says, copied and validated once.

use daxfs_format::{FileData, Ino, Inode, InodeKind, XattrSetId};
use kernel::error::code;
use kernel::ffi::c_void;
use kernel::prelude::*;
use kernel::sync::atomic::{AtomicFlag, Relaxed};

use crate::errno;
use crate::mounted::{Image, Mounted};
use crate::mount;
use crate::sys::page::PAGE_SHIFT;
use crate::sys::raw;
use crate::vfs;

/// An inode of the VFS with what we keep of the image's inode.
///
/// # Invariants
/// `stored` and `tail_checked` are written when the inode is allocated, and `stored`, before others see
/// it, when it is read.
#[repr(C)]
pub(crate) struct InCore {
    vfs: raw::inode,
    stored: Stored,
    /// Whether the bytes behind the file's end were found to be zero.
    tail_checked: AtomicFlag,
}

/// What we keep of an inode of the image.
#[derive(Clone, Copy)]
pub(crate) struct Stored {
    /// What only inodes of its type have.
    pub(crate) kind: InodeKind,
    /// The size in bytes.
    pub(crate) size: u64,
    /// The attribute set.
    pub(crate) xattrs: Option<XattrSetId>,
}

impl Stored {
    const NOTHING: Self = Self { kind: InodeKind::Fifo, size: 0, xattrs: None };

    /// Where a regular file's bytes are.
    #[inline]
    pub(crate) fn data(&self) -> Result<&FileData> {
        match &self.kind {
            InodeKind::Regular(data) => Ok(data),
            _ => Err(code::EINVAL),
        }
    }

    /// The directory that it is.
    #[inline]
    pub(crate) fn directory(&self) -> Result<&daxfs_format::Directory> {
        match &self.kind {
            InodeKind::Directory(directory) => Ok(directory),
            _ => Err(code::ENOTDIR),
        }
    }
}

/// What is kept of `inode`.
///
/// # Safety
/// `inode` is an inode of this file system, read by [`get`], and lives for `'a`.
#[inline]
pub(crate) unsafe fn stored<'a>(inode: *const raw::inode) -> &'a Stored {
    // SAFETY: Inodes of this file system are the first field of an `InCore`; after `get` nobody
    // writes `stored`. An inode is freed after a grace period, so this holds in RCU walks as well.
    unsafe { &(*inode.cast::<InCore>()).stored }
}

/// The mount that `inode` belongs to, and what is kept of the inode.
///
/// # Safety
/// As [`stored`]: `inode` is an inode of this file system, read by [`get`], and lives for `'a`.
#[inline]
pub(crate) unsafe fn parts<'a>(inode: *const raw::inode) -> Result<(&'a Mounted, &'a Stored)> {
    // SAFETY: By the contract of this function.
    let mounted = unsafe { mounted(inode) }?;
    // SAFETY: As above.
    Ok((mounted, unsafe { stored(inode) }))
}

/// Checks once that a mapping of the file shows nothing but zeros behind its end. That says nothing
/// about somebody who writes the memory later.
///
/// # Safety
/// `inode` is an inode of this file system, read by [`get`].
pub(crate) unsafe fn check_tail(inode: *const raw::inode) -> Result {
    // SAFETY: As in `stored`; the flag is atomic.
    let checked = unsafe { &(*inode.cast::<InCore>()).tail_checked };
    if checked.load(Relaxed) {
        return Ok(());
    }
    // SAFETY: By the contract of this function.
    let (mounted, stored) = unsafe { parts(inode) }?;
    // SAFETY: The inode is valid.
    let number = unsafe { (*inode).i_ino };
    let ino = u32::try_from(number).ok().and_then(Ino::new).ok_or(code::EIO)?;
    let tail = mounted.image().check_tail(ino, stored.data()?, stored.size);
    tail.map_err(errno::reported(mounted.image()))?;
    checked.store(true, Relaxed);
    Ok(())
}

/// The mount that `inode` belongs to.
///
/// # Safety
/// `inode` is an inode of this file system that lives for `'a`.
#[inline]
unsafe fn mounted<'a>(inode: *const raw::inode) -> Result<&'a Mounted> {
    // SAFETY: By the contract of this function.
    let sb = unsafe { (*inode).i_sb };
    // SAFETY: The superblock of an inode outlives it.
    unsafe { mount::mounted(sb) }
}

/// The slab cache that in-core inodes come from. There is one, made when the module is loaded.
pub(crate) struct Cache(());

/// Written while the module is loaded and unloaded, when there is no superblock.
static mut CACHE: *mut raw::kmem_cache = core::ptr::null_mut();

impl Cache {
    /// Creates the cache.
    pub(crate) fn create() -> Result<Self> {
        // SAFETY: `construct` initialises what the size says.
        let cache = unsafe {
            raw::daxfs_inode_cache_create(
                c"daxfs_inode".as_char_ptr(),
                // CAST: That is some hundred bytes.
                core::mem::size_of::<InCore>() as u32,
                Some(construct),
            )
        };
        if cache.is_null() {
            return Err(code::ENOMEM);
        }
        // SAFETY: The module is being loaded; nobody else uses the cache.
        unsafe { CACHE = cache };
        Ok(Self(()))
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: Waits for inodes that are being freed after a grace period.
        unsafe { raw::daxfs_rcu_barrier() };
        // SAFETY: The file system is not registered any more and has no superblock, so all inodes
        // have been freed.
        unsafe { raw::kmem_cache_destroy(CACHE) };
    }
}

/// Initialises an object of the slab, once for many uses.
unsafe extern "C" fn construct(object: *mut c_void) {
    // SAFETY: The object has the size of an `InCore`, which begins with the inode.
    unsafe { raw::inode_init_once(object.cast()) };
}

/// Allocates an inode for the VFS.
pub(crate) unsafe extern "C" fn allocate(sb: *mut raw::super_block) -> *mut raw::inode {
    // SAFETY: The cache exists as long as the file system is registered; the superblock is valid.
    let inode: *mut InCore = unsafe { raw::daxfs_inode_alloc(CACHE, sb) }.cast();
    if !inode.is_null() {
        // SAFETY: The object is ours, and has room for an `InCore`.
        unsafe { (&raw mut (*inode).stored).write(Stored::NOTHING) };
        // SAFETY: As above.
        unsafe { (&raw mut (*inode).tail_checked).write(AtomicFlag::new(false)) };
    }
    inode.cast()
}

/// Frees an inode, and the symlink target that hangs on it, when no RCU reader sees them any more.
pub(crate) unsafe extern "C" fn free(inode: *mut raw::inode) {
    // SAFETY: The inode is valid until it is freed below.
    let mode = u32::from(unsafe { (*inode).i_mode });
    if mode & raw::S_IFMT == raw::S_IFLNK {
        // SAFETY: As above.
        let target = unsafe { raw::daxfs_inode_link(inode) };
        // SAFETY: The target of a symlink is null, or was allocated and published by us.
        unsafe { raw::kfree(target.cast()) };
    }
    // SAFETY: The inode came from this cache.
    unsafe { raw::kmem_cache_free(CACHE, inode.cast()) };
}

/// The in-core inode with this number, read from the image if it is not there yet.
///
/// # Safety
/// `sb` is a superblock of this file system.
pub(crate) unsafe fn get(sb: *mut raw::super_block, ino: Ino) -> Result<*mut raw::inode> {
    // SAFETY: The caller has a superblock of ours.
    let mounted = unsafe { mount::mounted(sb) }?;
    // SAFETY: As above.
    let inode = unsafe { raw::iget_locked(sb, ino.get().into()) };
    if inode.is_null() {
        return Err(code::ENOMEM);
    }
    // SAFETY: We have a reference to the inode.
    if !unsafe { raw::daxfs_inode_is_new(inode) } {
        return Ok(inode);
    }
    match mounted.image().inode(ino) {
        Ok(found) => {
            // SAFETY: The inode is new and locked by us.
            unsafe { fill(inode, &found, mounted) };
            // SAFETY: As above.
            unsafe { raw::unlock_new_inode(inode) };
            Ok(inode)
        }
        Err(error) => {
            // SAFETY: As above; this drops our reference.
            unsafe { raw::iget_failed(inode) };
            Err(errno::reported(mounted.image())(error))
        }
    }
}

/// Sets what the VFS wants to know.
///
/// # Safety
/// `inode` is a new inode of this file system, which the caller has locked: others may find it, and wait.
unsafe fn fill(inode: *mut raw::inode, found: &Inode, mounted: &Mounted) {
    let stored = Stored { kind: found.kind, size: found.size, xattrs: found.xattrs };
    // SAFETY: The inode begins an `InCore`, of which others look at `stored` when it is not new any more.
    unsafe { (&raw mut (*inode.cast::<InCore>()).stored).write(stored) };
    // SAFETY: The inode is new and locked. Look-ups by number find it in the table, take its lock and a
    // reference, and wait for us; what they read and write is number, superblock, state, lock and count,
    // of which none is written here. No Rust reference is made to what they write.
    unsafe { (*inode).i_mode = found.mode };
    // SAFETY: As above.
    unsafe { (*inode).i_generation = mounted.generation() };
    // CAST: No inode has a larger size: the format crate refuses it.
    // SAFETY: As above.
    unsafe { (*inode).i_size = found.size as i64 };
    // SAFETY: As above.
    unsafe { (*inode).i_blocks = blocks(mounted.image(), found) };
    // SAFETY: As above.
    unsafe { raw::daxfs_inode_set_owner(inode, found.uid, found.gid) };
    // SAFETY: As above.
    unsafe { raw::set_nlink(inode, found.link_count) };
    let time = found.mtime;
    // SAFETY: As above.
    unsafe { raw::daxfs_inode_set_times(inode, time.seconds, time.nanoseconds) };
    if found.xattrs.is_none() {
        // SAFETY: As above.
        unsafe { raw::daxfs_inode_has_no_acl(inode) };
    }
    // SAFETY: As above.
    unsafe { (*inode).i_op = operations(&found.kind) };
    // SAFETY: The mode was just set.
    unsafe { set_type_operations(inode, found) };
}

/// The inode operations of a type.
fn operations(kind: &InodeKind) -> *const raw::inode_operations {
    let table = match kind {
        InodeKind::Regular(_) => &vfs::file::INODE,
        InodeKind::Directory(_) => &vfs::dir::INODE,
        InodeKind::Symlink(_) => &vfs::symlink::INODE,
        InodeKind::CharDevice(_)
        | InodeKind::BlockDevice(_)
        | InodeKind::Fifo
        | InodeKind::Socket => &vfs::special::INODE,
    };
    table.get()
}

/// Attaches the tables that only some types have.
///
/// # Safety
/// As [`fill`]; the inode's mode is set.
unsafe fn set_type_operations(inode: *mut raw::inode, found: &Inode) {
    match &found.kind {
        InodeKind::Regular(_) => {
            // SAFETY: A new inode is ours to fill.
            unsafe { raw::daxfs_inode_set_file_operations(inode, vfs::file::FILE.get()) };
            // SAFETY: As above.
            let mapping = unsafe { (*inode).i_mapping };
            // SAFETY: A new inode has its own, empty mapping.
            unsafe { (*mapping).a_ops = vfs::cache::MAPPING.get() };
        }
        InodeKind::Directory(_) => {
            // SAFETY: A new inode is ours to fill.
            unsafe { raw::daxfs_inode_set_file_operations(inode, vfs::dir::FILE.get()) };
        }
        InodeKind::Symlink(_) => {}
        InodeKind::CharDevice(rdev) | InodeKind::BlockDevice(rdev) => {
            // SAFETY: Combines two numbers.
            let device = unsafe { raw::daxfs_mkdev(rdev.major, rdev.minor) };
            // SAFETY: The inode is new, and its mode is that of a device.
            unsafe { raw::init_special_inode(inode, found.mode, device) };
        }
        InodeKind::Fifo | InodeKind::Socket => {
            // SAFETY: The inode is new, and its mode is that of a FIFO or socket.
            unsafe { raw::init_special_inode(inode, found.mode, 0) };
        }
    }
}

/// How much memory an inode's bytes take, in units of 512.
fn blocks(image: &Image, inode: &Inode) -> u64 {
    let bytes = match &inode.kind {
        InodeKind::Regular(FileData::Direct { .. }) => {
            inode.size.saturating_add((1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT << PAGE_SHIFT
        }
        InodeKind::Regular(FileData::Sparse(list)) => {
            u64::from(list.pages()) << image.superblock().page_shift()
        }
        _ => inode.size,
    };
    bytes.div_ceil(512)
}
