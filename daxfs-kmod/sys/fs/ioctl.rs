// SPDX-License-Identifier: GPL-2.0-only
//! Requests of ioctl(2) that open files and directories take.
//!
//! The VFS answers `FS_IOC_GETFSUUID` and `FS_IOC_GETFSSYSFSPATH` from the superblock.

use kernel::error::code;
use kernel::ffi::{c_long, c_uint, c_ulong};
use kernel::uaccess::{UserPtr, UserSlice};

use super::inode::Inode;
use super::FileSystem;
use crate::sys::errno::byte_count;
use crate::sys::raw;

/// Size in bytes of the buffer of `FS_IOC_GETFSLABEL`.
// CAST: The number is 256.
const LABEL: usize = raw::FSLABEL_MAX as usize;

/// Answers to requests of ioctl(2).
pub(crate) trait Ioctls: FileSystem {
    /// Returns the label, which is shorter than 256 bytes and has no zero byte.
    fn label(mount: &Self::Mount) -> &[u8];
}

pub(super) unsafe extern "C" fn ioctl<F: Ioctls>(
    file: *mut raw::file,
    request: c_uint,
    argument: c_ulong,
) -> c_long {
    if request != raw::DAXFS_IOC_GETFSLABEL {
        return byte_count(Err(code::ENOTTY));
    }
    // SAFETY: The VFS passes an open file, which has a count of its inode; that is one of `F`,
    // since the file has this table.
    let inode = unsafe { Inode::<F>::from_raw((*file).f_inode) };
    let mut label = [0; LABEL];
    let result = inode.mount().and_then(|mount| {
        label.iter_mut().zip(F::label(mount)).for_each(|(to, from)| *to = *from);
        let buffer = UserSlice::new(UserPtr::from_addr(argument), LABEL);
        buffer.writer().write_slice(&label).map(|()| 0)
    });
    byte_count(result)
}
