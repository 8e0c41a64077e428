// SPDX-License-Identifier: GPL-2.0-only
//! Superblocks: their operations, and what the VFS wants to know of them.

use kernel::ffi::{c_int, c_long};
use kernel::prelude::*;

use super::{export, xattr};
use crate::mount;
use crate::mounted::{Hex, Mounted};
use crate::num::to_usize;
use crate::sys::page::{PAGE_SHIFT, PAGE_SIZE};
use crate::sys::{raw, status, Table};
use crate::inode;

/// `f_type` of statfs(2): "DAXF".
const MAGIC: u32 = 0x4658_4144;

static OPERATIONS: Table<raw::super_operations> = Table(raw::super_operations {
    alloc_inode: Some(inode::allocate),
    free_inode: Some(inode::free),
    put_super: Some(mount::put_super),
    statfs: Some(statfs),
    show_options: Some(show_options),
    ..pin_init::zeroed()
});

/// Fills what does not depend on the root.
///
/// # Safety
/// `sb` is a new superblock, locked by the caller.
pub(crate) unsafe fn set_up(sb: *mut raw::super_block, mounted: &Mounted) {
    // SAFETY: The superblock is ours to fill. Others find it in the list of all, read its flags and count
    // references in it, and wait for its lock; nobody but us writes what is written here, and no Rust
    // reference is made to what they write.
    unsafe { (*sb).s_magic = to_usize(MAGIC.into()) };
    // SAFETY: As above.
    unsafe { (*sb).s_op = OPERATIONS.get() };
    // SAFETY: As above.
    unsafe { (*sb).s_xattr = xattr::HANDLERS.0.as_ptr() };
    // SAFETY: As above.
    unsafe { (*sb).s_export_op = export::OPERATIONS.get() };
    // SAFETY: As above.
    unsafe { (*sb).s_maxbytes = raw::DAXFS_MAX_LFS_FILESIZE };
    // SAFETY: As above.
    unsafe { (*sb).s_blocksize = to_usize(PAGE_SIZE) };
    // CAST: A page's size has 64 bits.
    // SAFETY: As above.
    unsafe { (*sb).s_blocksize_bits = PAGE_SHIFT as u8 };
    // SAFETY: As above.
    unsafe { (*sb).s_time_gran = 1 };
    // SAFETY: As above; the flags are those of whoever has the superblock locked.
    unsafe { (*sb).s_flags |= raw::DAXFS_SB_RDONLY | raw::DAXFS_SB_POSIXACL };
    let uuid = mounted.image().superblock().uuid();
    // SAFETY: As above; the UUID has 16 bytes.
    unsafe { raw::daxfs_super_set_uuid(sb, uuid.as_ptr()) };
}

unsafe extern "C" fn statfs(dentry: *mut raw::dentry, into: *mut raw::kstatfs) -> c_int {
    // SAFETY: The dentry is valid.
    let sb = unsafe { (*dentry).d_sb };
    // SAFETY: A dentry has a superblock, here one of ours.
    let mounted = match unsafe { mount::mounted(sb) } {
        Ok(mounted) => mounted,
        Err(error) => return error.to_errno(),
    };
    // SAFETY: The caller wants this to be filled.
    describe(mounted, unsafe { &mut *into });
    0
}

fn describe(mounted: &Mounted, into: &mut raw::kstatfs) {
    let image = mounted.image();
    let mut uuid = image.superblock().uuid();
    // CAST: This number, and those below, have 32 bits.
    into.f_type = MAGIC as c_long;
    into.f_bsize = PAGE_SIZE as c_long;
    into.f_blocks = image.superblock().image_size().div_ceil(PAGE_SIZE);
    into.f_files = image.inode_count().into();
    into.f_namelen = daxfs_format::limits::MAX_NAME as c_long;
    // SAFETY: The UUID has 16 bytes.
    into.f_fsid = unsafe { raw::daxfs_fsid(uuid.as_mut_ptr()) };
}

unsafe extern "C" fn show_options(seq: *mut raw::seq_file, root: *mut raw::dentry) -> c_int {
    // SAFETY: The dentry is valid.
    let sb = unsafe { (*root).d_sb };
    // SAFETY: A dentry has a superblock, here one of ours.
    let mounted = unsafe { mount::mounted(sb) };
    status(mounted.map(|mounted| {
        let options = mounted.options();
        if let Some(phys) = options.phys {
            print(seq, format_args!(",phys={phys:#x}"));
        }
        if let Some(size) = options.size {
            print(seq, format_args!(",size={size:#x}"));
        }
        if let Some(identity) = &options.identity {
            print(seq, format_args!(",identity=sha256:{}", Hex(identity)));
        }
        0
    }))
}

fn print(seq: *mut raw::seq_file, text: core::fmt::Arguments<'_>) {
    // SAFETY: The file is valid; `%pA` takes a pointer to `Arguments`.
    unsafe { raw::seq_printf(seq, c"%pA".as_char_ptr(), (&raw const text).cast::<kernel::ffi::c_void>()) };
}
