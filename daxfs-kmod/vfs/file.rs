// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: reading and mapping.
//!
//! Reads copy from the memory, whatever the layout; no page cache is involved. Files whose pages lie in
//! the image are mapped in place ([`super::map`]), packed ones through the page cache
//! ([`super::cache`]).

use daxfs_format::image::Segment;
use daxfs_format::{FileData, Memory};
use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::prelude::*;

use super::pieces::{fiemap, llseek};
use super::{attr, map, xattr};
use crate::errno;
use crate::inode::{self, Stored};
use crate::mounted::Mounted;
use crate::num::{to_u64, to_usize};
use crate::sys::page::{HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::task::give_way;
use crate::sys::{byte_count, raw, Table};

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
    setlease: Some(raw::generic_setlease),
    ..pin_init::zeroed()
});

/// Direct I/O is what every read does.
unsafe extern "C" fn open(inode: *mut raw::inode, file: *mut raw::file) -> c_int {
    // SAFETY: The file is being opened, by this task alone.
    unsafe { (*file).f_mode |= raw::DAXFS_FMODE_CAN_ODIRECT };
    // SAFETY: As above. Refuses large files to programs that cannot tell their offsets.
    unsafe { raw::generic_file_open(inode, file) }
}

unsafe extern "C" fn read_iter(iocb: *mut raw::kiocb, to: *mut raw::iov_iter) -> isize {
    // SAFETY: The control block is ours during the call.
    let iocb = unsafe { &mut *iocb };
    // SAFETY: Its file is open.
    let inode = unsafe { (*iocb.ki_filp).f_inode };
    // SAFETY: The file is one of ours, and so is its inode.
    byte_count(unsafe { inode::parts(inode) }.and_then(|(mounted, stored)| {
        let start = u64::try_from(iocb.ki_pos).map_err(|_| code::EINVAL)?;
        // SAFETY: The iterator is valid.
        let length = unsafe { copy_file(mounted, stored, start, to) }?;
        // CAST: The bytes were some of the file, whose size has 63 bits.
        iocb.ki_pos += length as i64;
        Ok(length)
    }))
}

/// How many bytes are copied before the task looks at signals, and lets others run.
const CHUNK: usize = 1 << 20;

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
    // SAFETY: The iterator is valid.
    let wanted = unsafe { raw::daxfs_iov_iter_count(to) };
    let mut done = 0_usize;
    while done < wanted {
        let length = wanted - done;
        // SAFETY: As above.
        match unsafe { copy_piece(mounted, stored, start.saturating_add(to_u64(done)), length, to) } {
            Ok(0) => break,
            Ok(copied) => done += copied,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if done < wanted && give_way().is_err() {
            break;
        }
    }
    Ok(done)
}

/// Copies bytes of the piece that `at` lies in, [`CHUNK`] at most; returns how many, 0 at the end.
///
/// # Safety
/// `to` is a valid iterator.
#[inline]
unsafe fn copy_piece(
    mounted: &Mounted,
    stored: &Stored,
    at: u64,
    wanted: usize,
    to: *mut raw::iov_iter,
) -> Result<usize> {
    let segment = mounted.image().segment(stored.data()?, stored.size, at);
    let Some(segment) = segment.map_err(errno::reported(mounted.image()))? else { return Ok(0) };
    let length = usize::try_from(segment.end - at).unwrap_or(usize::MAX).min(wanted).min(CHUNK);
    // SAFETY: By the contract of this function.
    match unsafe { copy_segment(mounted, segment, length, to) } {
        0 => Err(why_short(mounted, segment)),
        copied => Ok(copied),
    }
}

/// Why nothing could be copied from a segment: the memory fails, or else the destination faults.
#[cold]
fn why_short(mounted: &Mounted, segment: Segment) -> Error {
    let memory = mounted.image().memory();
    match segment.data.map(|offset| memory.read(offset, &mut [0])) {
        Some(Err(fault)) => errno::reported(mounted.image())(fault.into()),
        _ => code::EFAULT,
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
        // SAFETY: The iterator is valid.
        Some(offset) => unsafe { mounted.image().memory().copy_to_iter(offset, length, to) },
        // SAFETY: The iterator is valid.
        None => unsafe { raw::iov_iter_zero(length, to) },
    }
}

unsafe extern "C" fn mmap_prepare(mapping: *mut raw::vm_area_desc) -> c_int {
    // SAFETY: The description is ours during the call.
    let mapping = unsafe { &mut *mapping };
    // SAFETY: Its file is open.
    let inode = unsafe { (*mapping.file).f_inode };
    // SAFETY: The file is one of ours, and so is its inode.
    match unsafe { in_place(inode) } {
        Ok(Some(operations)) => {
            mapping.vm_ops = operations.get();
            0
        }
        // SAFETY: The description is valid, and the file has a mapping with `read_folio`.
        Ok(None) => unsafe { raw::generic_file_readonly_mmap_prepare(mapping) },
        Err(error) => error.to_errno(),
    }
}

/// The operations of areas that show the memory itself, if those of this file do: then nothing but
/// zeros may be seen behind its end.
///
/// # Safety
/// `inode` is an inode of this file system.
unsafe fn in_place(
    inode: *mut raw::inode,
) -> Result<Option<&'static Table<raw::vm_operations_struct>>> {
    // SAFETY: The inode is ours.
    let operations = match unsafe { inode::stored(inode) }.data()? {
        FileData::Direct { .. } => &map::DIRECT,
        FileData::Sparse(_) => &map::SPARSE,
        FileData::Empty | FileData::Packed { .. } => return Ok(None),
    };
    // SAFETY: As above.
    unsafe { inode::check_tail(inode) }?;
    Ok(Some(operations))
}

/// Chooses an address where 2 MiB of the file and of memory begin together, in the extent that is
/// mapped first.
unsafe extern "C" fn get_unmapped_area(
    file: *mut raw::file,
    address: c_ulong,
    length: c_ulong,
    first: c_ulong,
    flags: c_ulong,
) -> c_ulong {
    // SAFETY: The file is open.
    let inode = unsafe { (*file).f_inode };
    // SAFETY: The file is one of ours, and so is its inode.
    let shift = unsafe { distance(inode, to_u64(first)) }.unwrap_or(0);
    // SAFETY: The arguments are those that the VFS gave us; the page only decides the alignment.
    unsafe {
        raw::thp_get_unmapped_area(file, address, length, first.wrapping_add(to_usize(shift)), flags)
    }
}

/// By how many pages file and memory are apart at a page of the file, up to a multiple of 2 MiB; `None`
/// where the file has no page in the image.
///
/// # Safety
/// `inode` is an inode of this file system.
unsafe fn distance(inode: *const raw::inode, page: u64) -> Option<u64> {
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(inode) }.ok()?;
    let at = page.checked_mul(PAGE_SIZE)?;
    let segment = mounted.image().segment(stored.data().ok()?, stored.size, at).ok()??;
    Some((segment.data? >> PAGE_SHIFT).wrapping_sub(page) % HUGE_PAGES)
}
