// SPDX-License-Identifier: GPL-2.0-only
//! The pieces of regular files, data and holes: seeking, the map of extents.

use daxfs_format::image::{Segment, SegmentWalk};
use daxfs_format::FileData;
use kernel::error::code;
use kernel::ffi::c_int;
use kernel::prelude::*;

use crate::errno;
use crate::inode::{self, Stored};
use crate::mounted::Mounted;
use crate::sys::task::give_way;
use crate::sys::{raw, status};

/// lseek(2).
pub(super) unsafe extern "C" fn llseek(file: *mut raw::file, offset: i64, whence: c_int) -> i64 {
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

/// The map of extents.
pub(super) unsafe extern "C" fn fiemap(
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
