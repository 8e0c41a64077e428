// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: reading, and the kinds of their mappings.
//!
//! Reads copy from the memory, whatever the layout, and use no page cache. Files whose pages lie in
//! the image are [mapped in place](super::map), packed ones through the page cache.

use daxfs_format::image::Segment;
use daxfs_format::{FileData, Memory};
use kernel::error::code;
use kernel::prelude::*;

use super::inode::{check_tail, make_pages, Daxfs, Inode, InodeInfo};
use crate::image::mounted::Mounted;
use crate::sys::fs::file::{Files, Mapping};
use crate::sys::fs::folio::CachedFiles;
use crate::sys::iter::Iter;
use crate::sys::num::to_u64;
use crate::sys::size::{HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::task::reschedule_or_stop;

impl Files for Daxfs {
    /// Makes struct pages, which cannot be made when the file is mapped. Reading needs none: an
    /// error is that of mmap.
    #[inline]
    fn opened(inode: &Inode) {
        if !inode.info().has_pages() {
            let _ = make_pages(inode);
        }
    }

    #[inline]
    fn read(inode: &Inode, start: u64, to: &mut Iter) -> Result<usize> {
        copy_file(inode.mount()?, inode.info(), start, to)
    }

    /// A mapping in place may show only zeros behind the file's end.
    fn mapping(inode: &Inode) -> Result<Mapping> {
        match inode.info().data()? {
            FileData::Direct { .. } | FileData::Sparse(_) if !inode.info().has_pages() => {
                Err(code::ENOMEM)
            }
            FileData::Direct { .. } | FileData::Sparse(_) => {
                check_tail(inode)?;
                Ok(Mapping::Memory)
            }
            FileData::Empty | FileData::Packed { .. } => Ok(Mapping::PageCache),
        }
    }

    fn alignment(inode: &Inode, page: u64) -> u64 {
        apart(inode, page).unwrap_or(0)
    }
}

impl CachedFiles for Daxfs {
    fn read_page(inode: &Inode, start: u64, into: &mut [u8]) -> Result {
        let (mount, info) = (inode.mount()?, inode.info());
        let read = mount.image().read(info.data()?, info.size, start, into);
        read.map(drop).map_err(|error| mount.report(error))
    }
}

/// Number of bytes that are copied before the task looks at signals and lets others run.
const CHUNK: usize = 1 << 20;

/// Copies a file's bytes from `start` on to a destination. Returns how many.
#[inline]
fn copy_file(mount: &Mounted, info: &InodeInfo, start: u64, to: &mut Iter) -> Result<usize> {
    let wanted = to.count();
    let mut done = 0_usize;
    while done < wanted {
        let length = wanted - done;
        match copy_chunk(mount, info, start.saturating_add(to_u64(done)), length, to) {
            Ok(0) => break,
            Ok(copied) => done += copied,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if done < wanted && reschedule_or_stop().is_err() {
            break;
        }
    }
    Ok(done)
}

/// Copies bytes of the segment that holds `at`, [`CHUNK`] at most. Returns how many, 0 at the end.
#[inline]
fn copy_chunk(
    mount: &Mounted,
    info: &InodeInfo,
    at: u64,
    wanted: usize,
    to: &mut Iter,
) -> Result<usize> {
    let segment = mount.image().segment(info.data()?, info.size, at);
    let Some(segment) = segment.map_err(|error| mount.report(error))? else { return Ok(0) };
    let length = usize::try_from(segment.end - at).unwrap_or(usize::MAX).min(wanted).min(CHUNK);
    let copied = match segment.data {
        Some(offset) => mount.backing().copy_to_iter(offset, length, to),
        None => to.zero(length),
    };
    match copied {
        0 => Err(read_error(mount, segment)),
        copied => Ok(copied),
    }
}

/// Returns the error number if no byte of a segment could be copied: the memory fails, or else the
/// destination faults.
#[cold]
fn read_error(mount: &Mounted, segment: Segment) -> Error {
    match segment.data.map(|offset| mount.backing().read(offset, &mut [0])) {
        Some(Err(fault)) => mount.report(fault.into()),
        _ => code::EFAULT,
    }
}

/// Returns by how many pages file and memory are apart at a page of the file, up to a multiple of 2
/// MiB; `None` if the page does not lie in the image.
fn apart(inode: &Inode, page: u64) -> Option<u64> {
    let (mount, info) = (inode.mount().ok()?, inode.info());
    let at = page.checked_mul(PAGE_SIZE)?;
    let segment = mount.image().segment(info.data().ok()?, info.size, at).ok()??;
    Some((segment.data? >> PAGE_SHIFT).wrapping_sub(page) % HUGE_PAGES)
}
