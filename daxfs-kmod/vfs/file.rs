// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: reading, seeking, mapping, the map of extents.
//!
//! Reads copy from the memory, whatever the layout; no page cache is involved. Files with one
//! page-aligned extent are mapped in place ([`super::map`]), packed and sparse ones through the page
//! cache ([`super::cache`]).

use daxfs_format::image::Segment;
use daxfs_format::FileData;
use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::prelude::*;

use super::{attr, map, xattr};
use crate::errno;
use crate::inode::{self, Stored};
use crate::mounted::Mounted;
use crate::sys::pages::{HUGE_PAGES, PAGE_SHIFT};
use crate::sys::{raw, status, Table};

/// Inode operations.
pub(crate) static INODE: Table<raw::inode_operations> = Table(raw::inode_operations {
    getattr: Some(attr::getattr),
    get_inode_acl: Some(attr::get_acl),
    listxattr: Some(xattr::list),
    fiemap: Some(fiemap),
    ..pin_init::zeroed()
});

/// File operations.
pub(crate) static FILE: Table<raw::file_operations> = Table(raw::file_operations {
    open: Some(open),
    llseek: Some(llseek),
    read_iter: Some(read_iter),
    splice_read: Some(raw::copy_splice_read),
    mmap_prepare: Some(mmap_prepare),
    get_unmapped_area: Some(get_unmapped_area),
    ..pin_init::zeroed()
});

/// Direct I/O is what every read does.
unsafe extern "C" fn open(_inode: *mut raw::inode, file: *mut raw::file) -> c_int {
    // SAFETY: The file is being opened, by this task alone.
    unsafe { (*file).f_mode |= raw::DAXFS_FMODE_CAN_ODIRECT };
    0
}

unsafe extern "C" fn read_iter(iocb: *mut raw::kiocb, to: *mut raw::iov_iter) -> isize {
    // SAFETY: The control block is ours during the call, and its file is one of ours.
    let (iocb, inode) = unsafe { (&mut *iocb, (*(*iocb).ki_filp).f_inode) };
    // SAFETY: The inode is one of ours.
    let (mounted, stored) = unsafe { (inode::mounted(inode), inode::stored(inode)) };
    let Ok(mounted) = mounted else { return code::EIO.to_errno() as isize };
    let Ok(start) = u64::try_from(iocb.ki_pos) else { return code::EINVAL.to_errno() as isize };
    // SAFETY: The iterator is valid.
    match unsafe { copy_file(mounted, stored, start, to) } {
        Ok(length) => {
            iocb.ki_pos += length as i64;
            length as isize
        }
        Err(error) => error.to_errno() as isize,
    }
}

/// Copies a file's bytes from `start` on to where they are wanted; returns how many.
///
/// # Safety
/// `to` is a valid iterator.
unsafe fn copy_file(
    mounted: &Mounted,
    stored: &Stored,
    start: u64,
    to: *mut raw::iov_iter,
) -> Result<usize> {
    let data = stored.data()?;
    let mut done = 0_usize;
    loop {
        // SAFETY: The iterator is valid.
        let wanted = unsafe { raw::daxfs_iov_iter_count(to) };
        let at = start.saturating_add(done as u64);
        if wanted == 0 {
            return Ok(done);
        }
        let segment = match mounted.image().segment(data, stored.size, at) {
            Ok(Some(segment)) => segment,
            Ok(None) => return Ok(done),
            Err(error) if done == 0 => return Err(errno::reported(error)),
            Err(_) => return Ok(done),
        };
        let length = usize::try_from(segment.end - at).unwrap_or(usize::MAX).min(wanted);
        // SAFETY: As above.
        let copied = unsafe { copy_segment(mounted, segment, length, to) };
        done += copied;
        if copied < length {
            return if done == 0 { Err(code::EFAULT) } else { Ok(done) };
        }
    }
}

/// # Safety
/// `to` is a valid iterator.
unsafe fn copy_segment(
    mounted: &Mounted,
    segment: Segment,
    length: usize,
    to: *mut raw::iov_iter,
) -> usize {
    match segment.data {
        Some(offset) => mounted.image().memory().copy_to_iter(offset, length, to),
        // SAFETY: The iterator is valid.
        None => unsafe { raw::iov_iter_zero(length, to) },
    }
}

unsafe extern "C" fn llseek(file: *mut raw::file, offset: i64, whence: c_int) -> i64 {
    let sought = match whence as u32 {
        // SAFETY: The file is one of ours.
        raw::SEEK_DATA => unsafe { seek(file, offset, Part::Data) },
        // SAFETY: As above.
        raw::SEEK_HOLE => unsafe { seek(file, offset, Part::Hole) },
        // SAFETY: As above.
        _ => return unsafe { raw::generic_file_llseek(file, offset, whence) },
    };
    match sought {
        // SAFETY: The file is valid, and the offset within it.
        Ok(at) => unsafe { raw::vfs_setpos(file, at, raw::DAXFS_MAX_LFS_FILESIZE) },
        Err(error) => error.to_errno().into(),
    }
}

/// What a seek looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Data,
    Hole,
}

/// # Safety
/// `file` is a regular file of this file system.
unsafe fn seek(file: *mut raw::file, offset: i64, part: Part) -> Result<i64> {
    // SAFETY: The file is ours, so its inode is.
    let (mounted, stored) = unsafe {
        let inode = (*file).f_inode;
        (inode::mounted(inode)?, inode::stored(inode))
    };
    let data = stored.data()?;
    let mut at = u64::try_from(offset).map_err(|_| code::ENXIO)?;
    if at >= stored.size {
        return Err(code::ENXIO);
    }
    for _ in 0..most_segments(data) {
        let segment = mounted.image().segment(data, stored.size, at).map_err(errno::reported)?;
        match segment {
            Some(Segment { data, .. }) if data.is_some() == (part == Part::Data) => {
                return i64::try_from(at).map_err(|_| code::EOVERFLOW);
            }
            Some(segment) => at = segment.end,
            // Behind the last byte there is a hole.
            None if part == Part::Hole => return i64::try_from(at).map_err(|_| code::EOVERFLOW),
            None => return Err(code::ENXIO),
        }
    }
    Err(code::EIO)
}

/// How many segments a file can have. A walk over them that takes more steps is being led astray by
/// somebody who writes the list of extents meanwhile.
fn most_segments(data: &FileData) -> u64 {
    match data {
        FileData::Sparse(list) => u64::from(list.count()) * 2 + 2,
        _ => 2,
    }
}

unsafe extern "C" fn fiemap(
    inode: *mut raw::inode,
    info: *mut raw::fiemap_extent_info,
    start: u64,
    mut length: u64,
) -> c_int {
    // SAFETY: The arguments are those that the VFS gave us.
    let prepared = unsafe { raw::fiemap_prep(inode, info, start, &mut length, 0) };
    if prepared != 0 {
        return prepared;
    }
    // SAFETY: The inode is one of ours.
    let (mounted, stored) = unsafe { (inode::mounted(inode), inode::stored(inode)) };
    status(mounted.and_then(|mounted| {
        let end = start.saturating_add(length).min(stored.size);
        report_extents(mounted, stored, start, end, info).map(|()| 0)
    }))
}

/// Reports the extents between `start` and `end`; their addresses are physical ones.
fn report_extents(
    mounted: &Mounted,
    stored: &Stored,
    start: u64,
    end: u64,
    info: *mut raw::fiemap_extent_info,
) -> Result {
    let (image, data) = (mounted.image(), stored.data()?);
    let mut at = start;
    for _ in 0..most_segments(data) {
        let segment = image.segment(data, stored.size, at).map_err(errno::reported)?;
        let Some(segment) = segment.filter(|_| at < end) else { return Ok(()) };
        if let Some(offset) = segment.data {
            let address = image.memory().physical(offset);
            let flags = extent_flags(data, segment.end == stored.size);
            // SAFETY: The information is valid.
            let filled = unsafe {
                raw::fiemap_fill_next_extent(info, at, address, segment.end - at, flags)
            };
            if filled != 0 {
                return kernel::error::to_result(filled);
            }
        }
        at = segment.end;
    }
    if at < end {
        return Err(code::EIO);
    }
    Ok(())
}

fn extent_flags(data: &FileData, is_last: bool) -> u32 {
    let place = match data {
        FileData::Packed { .. } => raw::FIEMAP_EXTENT_DATA_TAIL | raw::FIEMAP_EXTENT_NOT_ALIGNED,
        _ => 0,
    };
    place | if is_last { raw::FIEMAP_EXTENT_LAST } else { 0 }
}

unsafe extern "C" fn mmap_prepare(mapping: *mut raw::vm_area_desc) -> c_int {
    // SAFETY: The description is ours during the call, and its file is one of ours.
    let (mapping, inode) = unsafe { (&mut *mapping, (*(*mapping).file).f_inode) };
    // SAFETY: The inode is one of ours.
    match unsafe { inode::stored(inode) }.data() {
        Ok(FileData::Direct { .. }) => {
            mapping.vm_ops = map::OPERATIONS.get();
            0
        }
        // SAFETY: The description is valid, and the file has a mapping with `read_folio`.
        Ok(_) => unsafe { raw::generic_file_readonly_mmap_prepare(mapping) },
        Err(error) => error.to_errno(),
    }
}

/// Chooses an address where 2 MiB of the file and of memory begin together.
unsafe extern "C" fn get_unmapped_area(
    file: *mut raw::file,
    address: c_ulong,
    length: c_ulong,
    offset: c_ulong,
    flags: c_ulong,
) -> c_ulong {
    // SAFETY: The file is one of ours.
    let stored = unsafe { inode::stored((*file).f_inode) };
    let shift = match stored.data() {
        Ok(FileData::Direct { offset }) => (offset >> PAGE_SHIFT) % HUGE_PAGES,
        _ => 0,
    };
    // SAFETY: The arguments are those that the VFS gave us; the offset only decides the alignment.
    unsafe {
        raw::thp_get_unmapped_area(file, address, length, offset.wrapping_add(shift as usize), flags)
    }
}
