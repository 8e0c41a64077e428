// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: seeking, the map of extents.

use core::ops::ControlFlow;

use kernel::error::{code, to_result};
use kernel::ffi::c_int;
use kernel::prelude::*;

use super::inode::Inode;
use super::FileSystem;
use crate::sys::errno::status;
use crate::sys::num::to_loff;
use crate::sys::raw;

/// Extents of regular files.
pub(crate) trait FileExtents: FileSystem {
    /// Returns the offset of the first byte of this kind at or after `start`.
    fn seek(inode: &Inode<Self>, start: u64, kind: Seek) -> Result<u64>;

    /// Reports the extents that have bytes between `start` and `end`.
    fn extents(inode: &Inode<Self>, start: u64, end: u64, into: &mut ExtentMap<'_>) -> Result;
}

/// The target of a seek.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seek {
    /// Bytes that are stored.
    Data,
    /// A hole, or the end of the file.
    Hole,
}

/// Properties of an extent.
#[derive(Clone, Copy, Default)]
pub(crate) struct ExtentFlags(u32);

impl ExtentFlags {
    /// The last extent of the file.
    pub(crate) const LAST: Self = Self(raw::FIEMAP_EXTENT_LAST);
    /// An extent that shares its pages with other files.
    pub(crate) const PACKED: Self =
        Self(raw::FIEMAP_EXTENT_DATA_TAIL | raw::FIEMAP_EXTENT_NOT_ALIGNED);

    /// Returns the properties of both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The result of FIEMAP.
pub(crate) struct ExtentMap<'a>(&'a mut raw::fiemap_extent_info);

impl ExtentMap<'_> {
    /// Adds an extent: its offset in the file and in the image, and its length. Breaks when the
    /// caller takes no more.
    pub(crate) fn add(
        &mut self,
        logical: u64,
        physical: u64,
        length: u64,
        ExtentFlags(flags): ExtentFlags,
    ) -> Result<ControlFlow<()>> {
        // SAFETY: The information is valid; the function copies to user space what the others say.
        match unsafe { raw::fiemap_fill_next_extent(self.0, logical, physical, length, flags) } {
            0 => Ok(ControlFlow::Continue(())),
            status => to_result(status).map(|()| ControlFlow::Break(())),
        }
    }
}

pub(super) unsafe extern "C" fn llseek<F: FileExtents>(
    file: *mut raw::file,
    offset: i64,
    whence: c_int,
) -> i64 {
    let kind = match u32::try_from(whence) {
        Ok(raw::SEEK_DATA) => Seek::Data,
        Ok(raw::SEEK_HOLE) => Seek::Hole,
        // SAFETY: The arguments are those that the VFS passed.
        _ => return unsafe { raw::generic_file_llseek(file, offset, whence) },
    };
    // SAFETY: The VFS passes an open file, which has a count of its inode; that is one of `F`,
    // since the file has this table.
    let inode = unsafe { Inode::<F>::from_raw((*file).f_inode) };
    let start = u64::try_from(offset).map_err(|_| code::ENXIO);
    match start.and_then(|start| F::seek(inode, start, kind)) {
        // SAFETY: The file is the one that the VFS passed; the function checks the offset.
        Ok(at) => unsafe { raw::vfs_setpos(file, to_loff(at), raw::DAXFS_MAX_LFS_FILESIZE) },
        Err(error) => error.to_errno().into(),
    }
}

pub(super) unsafe extern "C" fn fiemap<F: FileExtents>(
    inode: *mut raw::inode,
    info: *mut raw::fiemap_extent_info,
    start: u64,
    mut length: u64,
) -> c_int {
    // SAFETY: The arguments are those that the VFS passed. The function cuts the length off where
    // the file system's largest file ends.
    let prepared = unsafe { raw::fiemap_prep(inode, info, start, &mut length, 0) };
    if prepared != 0 {
        return prepared;
    }
    // SAFETY: The VFS passes an inode with a count; it is one of `F`, since it has this table. Only
    // this task uses the information during the call.
    let (inode, info) = unsafe { (Inode::<F>::from_raw(inode), &mut *info) };
    status(F::extents(inode, start, start.saturating_add(length), &mut ExtentMap(info)))
}
