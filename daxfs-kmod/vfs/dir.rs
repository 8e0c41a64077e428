// SPDX-License-Identifier: GPL-2.0-only
//! Directories.
//!
//! A directory's position is the format's cookie, which names an entry by hash and rank; positions 0
//! and 1 are `.` and `..`. A position is looked up each time, so nothing is kept between two calls.

use daxfs_format::{Cookie, Directory, ListBuf, Listed, Position};
use kernel::ffi::{c_int, c_uint};
use kernel::prelude::*;

use super::{attr, xattr};
use crate::errno;
use crate::inode;
use crate::mounted::{Image, Mounted};
use crate::num::to_usize;
use crate::sys::task::give_way;
use crate::sys::{err_pointer, raw, status, Table};

/// Inode operations.
pub(crate) static INODE: Table<raw::inode_operations> = Table(raw::inode_operations {
    lookup: Some(lookup),
    getattr: Some(attr::getattr),
    get_inode_acl: Some(attr::get_acl),
    listxattr: Some(xattr::list),
    ..pin_init::zeroed()
});

/// File operations.
pub(crate) static FILE: Table<raw::file_operations> = Table(raw::file_operations {
    llseek: Some(raw::generic_file_llseek),
    read: Some(raw::generic_read_dir),
    iterate_shared: Some(iterate),
    setlease: Some(raw::generic_setlease),
    ..pin_init::zeroed()
});

unsafe extern "C" fn lookup(
    directory: *mut raw::inode,
    dentry: *mut raw::dentry,
    _flags: c_uint,
) -> *mut raw::dentry {
    // SAFETY: The VFS has the directory locked, and the dentry is new: its name does not change.
    let name = unsafe { raw::daxfs_dentry_name(dentry) };
    // SAFETY: A dentry has a name.
    let length = to_usize(unsafe { raw::daxfs_qstr_length(name) }.into());
    // SAFETY: As above.
    let first = unsafe { (*name).name };
    // SAFETY: As above; the name has as many bytes.
    let name = unsafe { core::slice::from_raw_parts(first, length) };
    // SAFETY: The inode is one of ours.
    match unsafe { find(directory, name) } {
        // SAFETY: This takes our reference to the inode over; null makes a negative dentry.
        Ok(inode) => unsafe { raw::d_splice_alias(inode, dentry) },
        Err(error) => err_pointer(error),
    }
}

/// The inode with this name, with a reference, or null.
///
/// # Safety
/// `directory` is an inode of this file system.
unsafe fn find(directory: *mut raw::inode, name: &[u8]) -> Result<*mut raw::inode> {
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(directory) }?;
    let from = stored.directory()?;
    if name.len() > daxfs_format::limits::MAX_NAME {
        return Err(errno::name_too_long());
    }
    let image = mounted.image();
    let Some(entry) = image.lookup(from, name).map_err(errno::reported(image))? else {
        return Ok(core::ptr::null_mut());
    };
    // SAFETY: The inode is valid.
    let sb = unsafe { (*directory).i_sb };
    // SAFETY: The superblock is that of an inode of ours.
    let found = unsafe { inode::get(sb, entry.ino) }?;
    // SAFETY: We have a reference to the inode.
    let kind = &unsafe { inode::stored(found) }.kind;
    if let Err(error) = image.check_child(from, &entry, kind) {
        // SAFETY: Gives up our reference.
        unsafe { raw::iput(found) };
        return Err(errno::reported(image)(error));
    }
    Ok(found)
}

unsafe extern "C" fn iterate(file: *mut raw::file, context: *mut raw::dir_context) -> c_int {
    // SAFETY: File and context are valid.
    if !unsafe { raw::daxfs_dir_emit_dots(file, context) } {
        return 0;
    }
    // SAFETY: The file is a directory of ours.
    let inode = unsafe { (*file).f_inode };
    // SAFETY: As above.
    let parts = unsafe { inode::parts(inode) };
    // SAFETY: The context is ours during the call.
    let context = unsafe { &mut *context };
    let emitted = parts.and_then(|(mounted, stored)| emit(mounted, stored.directory()?, context));
    status(emitted.map(|()| 0))
}

/// Hands the entries from the context's position on to the caller, until he has enough.
fn emit(mounted: &Mounted, directory: &Directory, context: &mut raw::dir_context) -> Result {
    let image = mounted.image();
    let start = Cookie::from_offset(context.pos.unsigned_abs());
    let position = image.seek(directory, start).map_err(errno::reported(image))?;
    if position.is_at_end(directory) {
        return Ok(());
    }
    emit_from(image, directory, position, context)
}

/// How many entries are handed out before the task looks at signals, and lets others run: readers in the
/// kernel, as overlayfs, take all of a directory.
const ENTRIES: u32 = 1024;

fn emit_from(
    image: &Image,
    directory: &Directory,
    mut position: Position,
    context: &mut raw::dir_context,
) -> Result {
    let mut buffer = ListBuf::new();
    let mut count = 0;
    // CAST: A cookie's offset has 63 bits; so all that follow.
    loop {
        // Where the directory may end, or break off: an entry that follows has its own position.
        let behind = position.cookie();
        let next = image.next_entry(directory, &mut position, &mut buffer);
        let Ok(Some(listed)) = next else {
            context.pos = behind.to_offset() as i64;
            return next.map(drop).map_err(errno::reported(image));
        };
        context.pos = listed.cookie.to_offset() as i64;
        if !take(context, &listed) {
            return Ok(());
        }
        count += 1;
        if count == ENTRIES {
            count = 0;
            context.pos = position.cookie().to_offset() as i64;
            give_way()?;
        }
    }
}

/// Hands one entry to the caller; returns whether he wants more.
#[inline]
fn take(context: &mut raw::dir_context, listed: &Listed<'_>) -> bool {
    let Some(actor) = context.actor else { return false };
    // CAST: A name has 255 bytes at most.
    let (name, length) = (listed.name.as_ptr().cast(), listed.name.len() as c_int);
    let (ino, kind) = (listed.entry.ino.get().into(), listed.entry.file_type.to_entry().into());
    // SAFETY: The actor belongs to the context; the name is readable during the call.
    unsafe { actor(context, name, length, context.pos, ino, kind) }
}
