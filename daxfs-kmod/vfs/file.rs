// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: reading, seeking, mapping, the map of extents.
//!
//! Reads copy from the memory, whatever the layout; no page cache is involved. Files whose pages lie in
//! the image are mapped in place ([`super::map`]), packed ones through the page cache
//! ([`super::cache`]).

use daxfs_format::image::{Segment, SegmentWalk};
use daxfs_format::{FileData, Memory};
use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::prelude::*;

use super::{attr, map, xattr};
use crate::errno;
use crate::inode::{self, Stored};
use crate::mounted::Mounted;
use crate::num::{to_u64, to_usize};
use crate::sys::pages::{HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::task::give_way;
use crate::sys::{byte_count, raw, status, Table};

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

unsafe extern "C" fn llseek(file: *mut raw::file, offset: i64, whence: c_int) -> i64 {
    let sought = match u32::try_from(whence) {
        // SAFETY: The file is one of ours.
        Ok(raw::SEEK_DATA) => unsafe { seek(file, offset, Part::Data) },
        // SAFETY: As above.
        Ok(raw::SEEK_HOLE) => unsafe { seek(file, offset, Part::Hole) },
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
    // SAFETY: The file is open.
    let inode = unsafe { (*file).f_inode };
    // SAFETY: The file is ours, so its inode is.
    let (mounted, stored) = unsafe { inode::parts(inode) }?;
    let start = u64::try_from(offset).map_err(|_| code::ENXIO)?;
    if start >= stored.size {
        return Err(code::ENXIO);
    }
    let mut pieces = Pieces::from(mounted, stored, start)?;
    let at = loop {
        match pieces.next()? {
            Some(piece) if piece.data.is_some() == (part == Part::Data) => {
                break piece.start.max(start);
            }
            Some(_) => {}
            // Behind the last byte there is a hole.
            None if part == Part::Hole => break stored.size,
            None => return Err(code::ENXIO),
        }
    };
    i64::try_from(at).map_err(|_| code::EOVERFLOW)
}

/// The pieces of a file, one after another. A file can have very many.
struct Pieces<'a> {
    mounted: &'a Mounted,
    walk: SegmentWalk,
    count: u32,
}

/// How many pieces are looked at before the task looks at signals, and lets others run.
const PIECES: u32 = 1024;

impl<'a> Pieces<'a> {
    /// The pieces from the one that `start` lies in on.
    fn from(mounted: &'a Mounted, stored: &Stored, start: u64) -> Result<Self> {
        let image = mounted.image();
        let walk = image.segments(stored.data()?, stored.size, start);
        Ok(Self { mounted, walk: walk.map_err(errno::reported(image))?, count: 0 })
    }

    fn next(&mut self) -> Result<Option<Segment>> {
        self.count += 1;
        if self.count == PIECES {
            self.count = 0;
            give_way()?;
        }
        let image = self.mounted.image();
        image.next_segment(&mut self.walk).map_err(errno::reported(image))
    }

    /// The next piece that is no hole.
    fn next_data(&mut self) -> Result<Option<Segment>> {
        loop {
            match self.next()? {
                Some(Segment { data: None, .. }) => {}
                found => return Ok(found),
            }
        }
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
    status(unsafe { inode::parts(inode) }.and_then(|(mounted, stored)| {
        let end = start.saturating_add(length).min(stored.size);
        // SAFETY: The information is valid during the call.
        unsafe { report_extents(mounted, stored, start, end, info) }.map(|()| 0)
    }))
}

/// Reports the extents that have bytes between `start` and `end`, by where they lie in the image: who
/// knows where that lies in memory can add the two.
///
/// # Safety
/// `info` is valid.
unsafe fn report_extents(
    mounted: &Mounted,
    stored: &Stored,
    start: u64,
    end: u64,
    info: *mut raw::fiemap_extent_info,
) -> Result {
    let mut pieces = Pieces::from(mounted, stored, start)?;
    let mut next = pieces.next_data()?;
    while let Some(Segment { start: first, end: behind, data: Some(offset) }) = next {
        if first >= end {
            return Ok(());
        }
        next = pieces.next_data()?;
        // The piece that `start` lies in tells where the byte there is.
        let offset = offset.saturating_sub(start.saturating_sub(first));
        let flags = extent_flags(stored.data()?, next.is_none());
        // SAFETY: By the contract of this function.
        let filled =
            unsafe { raw::fiemap_fill_next_extent(info, first, offset, behind - first, flags) };
        if filled != 0 {
            return kernel::error::to_result(filled);
        }
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
