// SPDX-License-Identifier: GPL-2.0-only
//! Superblocks: finding, filling and ending them.
//!
//! One superblock stands for one image in memory: whoever mounts the same address again gets the
//! same superblock, after the checks that this mount asks for.

use daxfs_format::InodeKind;
use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;
use kernel::sync::SetOnce;

use crate::errno;
use crate::inode;
use crate::mounted::{refused, Mounted};
use crate::options::Options;
use crate::poison;
use crate::sys::log::Log;
use crate::sys::raw;
use crate::vfs;

/// What a superblock points at. It exists before the image is open, so that two mounts of one
/// address find each other.
pub(crate) struct Instance {
    phys: u64,
    mounted: SetOnce<Mounted>,
}

/// The flag of a superblock that nobody can write to, as contexts have it.
// CAST: It is the lowest bit.
pub(crate) const READ_ONLY: u32 = raw::DAXFS_SB_RDONLY as u32;

/// The mount of a superblock.
///
/// # Safety
/// `sb` is a superblock of this file system, and for `'a` it has an inode or is not shut down: the
/// caller holds a reference to an inode or a dentry, or the superblock's `s_umount`.
#[inline]
pub(crate) unsafe fn mounted<'a>(sb: *const raw::super_block) -> Result<&'a Mounted> {
    // SAFETY: Superblocks of this file system point at an `Instance` until they are gone. What is in
    // it is dropped by `put_super`, after the last inode, or with the superblock. Walks of paths that
    // hold nothing but the RCU lock do not come here: our operations send them away first.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: As above.
    let mounted = unsafe { &(*instance).mounted };
    mounted.as_ref().ok_or(code::EIO)
}

/// Finds the superblock of the address, or makes it.
///
/// # Safety
/// The context was initialised by `init_context`.
pub(crate) unsafe fn find_or_create(context: &mut raw::fs_context) -> Result {
    // SAFETY: The context is valid during this call.
    let log = unsafe { Log::of(context) };
    // SAFETY: `init_context` put the options there.
    let options = unsafe { *context.fs_private.cast::<Options>() };
    let Some(phys) = options.phys else {
        log.error(format_args!("phys=ADDR is needed: where in physical memory the image begins"));
        return Err(code::EINVAL);
    };
    let instance = KBox::new(Instance { phys, mounted: SetOnce::new() }, GFP_KERNEL)?;
    context.s_fs_info = KBox::into_raw(instance).cast();
    context.sb_flags |= READ_ONLY;
    // SAFETY: The context carries an instance, which is what the functions want.
    let sb = unsafe { raw::sget_fc(context, Some(is_same), Some(raw::set_anon_super_fc)) };
    let sb = kernel::error::from_err_ptr(sb)?;
    // SAFETY: The superblock is valid and locked for us.
    if let Err(error) = unsafe { check_or_fill(sb, phys, &options, log) } {
        // SAFETY: The superblock is locked, and this gives up our reference.
        unsafe { raw::deactivate_locked_super(sb) };
        return Err(error);
    }
    // SAFETY: The superblock is valid and locked for us.
    let root = unsafe { (*sb).s_root };
    // SAFETY: The superblock has a root by now.
    context.root = unsafe { raw::daxfs_dget(root) };
    Ok(())
}

/// Whether an existing superblock is that of the address that a context asks for.
unsafe extern "C" fn is_same(sb: *mut raw::super_block, context: *mut raw::fs_context) -> c_int {
    // SAFETY: The superblock is valid.
    let here = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: The context is valid.
    let asked = unsafe { (*context).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`, whose `phys` nobody writes.
    let have = unsafe { (*here).phys };
    // SAFETY: So do the contexts for which superblocks are looked for.
    let wanted = unsafe { (*asked).phys };
    c_int::from(have == wanted)
}

/// # Safety
/// `sb` is a superblock of this file system, locked.
unsafe fn check_or_fill(
    sb: *mut raw::super_block,
    phys: u64,
    options: &Options,
    log: Log<'_>,
) -> Result {
    // SAFETY: The superblock is valid.
    if unsafe { (*sb).s_root }.is_null() {
        let opened = Mounted::open(phys, options, log)?;
        // SAFETY: It has no root, so it is new.
        return unsafe { fill(sb, opened, log) };
    }
    // SAFETY: The superblock is ours, and has a root.
    unsafe { mounted(sb) }?.check_again(options, log)
}

/// Fills a new superblock.
///
/// # Safety
/// `sb` is a new superblock of this file system, locked.
unsafe fn fill(sb: *mut raw::super_block, opened: Mounted, log: Log<'_>) -> Result {
    // SAFETY: The superblock is valid.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`.
    unsafe { &(*instance).mounted }.populate(opened);
    // SAFETY: The superblock is ours, and locked.
    let mounted = unsafe { mounted(sb) }?;
    // SAFETY: It is new, and locked.
    unsafe { vfs::superblock::set_up(sb, mounted) };
    // SAFETY: The superblock is ours; `kill_superblock` hides it before it goes.
    unsafe { poison::show(mounted.image().memory(), sb) };
    let root = mounted.image().superblock().root();
    // This is read again below; here the one who mounts hears what is wrong with it.
    mounted.image().inode(root).map_err(|error| refused(error, log))?;
    // SAFETY: The superblock is ours and points at a mount.
    let inode = unsafe { inode::get(sb, root) }?;
    // SAFETY: The inode was just read, and we have a reference.
    if !matches!(unsafe { inode::stored(inode) }.kind, InodeKind::Directory(_)) {
        // SAFETY: Gives up our reference.
        unsafe { raw::iput(inode) };
        log.error(format_args!("corrupt image: root inode {root} is no directory"));
        return Err(errno::corrupt());
    }
    // SAFETY: This takes our reference over, also when it fails.
    let root = unsafe { raw::d_make_root(inode) };
    if root.is_null() {
        return Err(code::ENOMEM);
    }
    // SAFETY: The superblock is locked.
    unsafe { (*sb).s_root = root };
    // SAFETY: As above; it is complete now.
    unsafe { (*sb).s_flags |= raw::DAXFS_SB_ACTIVE };
    Ok(())
}

/// Lets go of the image when no inode is left. The superblock can still be found: those who mount the
/// address again wait for its end, and then find the memory free.
pub(crate) unsafe extern "C" fn put_super(sb: *mut raw::super_block) {
    // SAFETY: The superblock is valid.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: Superblocks of this file system point at an `Instance`.
    let mounted = unsafe { &raw mut (*instance).mounted };
    // SAFETY: The superblock is locked for being shut down and has neither inodes nor mounts, so that
    // nobody has a reference to what is dropped or will get one. Others look at `phys` only.
    unsafe { *mounted = SetOnce::new() };
}

/// Ends a superblock.
pub(crate) unsafe extern "C" fn kill_superblock(sb: *mut raw::super_block) {
    // SAFETY: The superblock is valid; its info is ours until it is freed below.
    let instance = unsafe { (*sb).s_fs_info }.cast::<Instance>();
    // SAFETY: The superblock has not been shut down.
    if let Ok(mounted) = unsafe { mounted(sb) } {
        poison::hide(mounted.image().memory());
    }
    // SAFETY: The superblock is valid, and locked.
    if unsafe { (*sb).s_root }.is_null() {
        // The VFS does this for superblocks that got a root. Here the mount failed, perhaps after the
        // image was opened; who mounts the address meanwhile waits until the next call lets him go on.
        // SAFETY: The superblock is locked, and no inode of it is left: without a root it keeps none.
        unsafe { put_super(sb) };
    }
    // SAFETY: The superblock was set up by `set_anon_super_fc`.
    unsafe { raw::kill_anon_super(sb) };
    // SAFETY: `find_or_create` put the box there; the superblock has no inodes any more.
    drop(unsafe { KBox::from_raw(instance) });
}
