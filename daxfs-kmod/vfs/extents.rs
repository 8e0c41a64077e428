// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: seeking, the map of extents.

use daxfs_format::image::{Segment, SegmentWalk};
use daxfs_format::FileData;
use kernel::error::code;
use kernel::prelude::*;

use super::inode::{Daxfs, Inode};
use crate::image::mounted::Mounted;
use crate::sys::fs::extents::{ExtentFlags, ExtentMap, FileExtents, Seek};
use crate::sys::task::reschedule_or_stop;

impl FileExtents for Daxfs {
    fn seek(inode: &Inode, start: u64, kind: Seek) -> Result<u64> {
        let size = inode.info().size;
        if start >= size {
            return Err(code::ENXIO);
        }
        let mut segments = Segments::from(inode, start)?;
        loop {
            match segments.next()? {
                Some(segment) if segment.data.is_some() == (kind == Seek::Data) => {
                    return Ok(segment.start.max(start));
                }
                Some(_) => {}
                // Behind the last byte there is a hole.
                None if kind == Seek::Hole => return Ok(size),
                None => return Err(code::ENXIO),
            }
        }
    }

    /// Reports extents by their offsets in the image, to which a reader can add its address.
    fn extents(inode: &Inode, start: u64, end: u64, into: &mut ExtentMap<'_>) -> Result {
        let info = inode.info();
        let end = end.min(info.size);
        let mut segments = Segments::from(inode, start)?;
        let mut next = segments.next_data()?;
        while let Some(Segment { start: first, end: behind, data: Some(offset) }) = next {
            if first >= end {
                return Ok(());
            }
            next = segments.next_data()?;
            // The segment that holds `start` has the offset of the byte there.
            let offset = offset.saturating_sub(start.saturating_sub(first));
            let mut flags = layout_flags(info.data()?);
            if next.is_none() {
                flags = flags.with(ExtentFlags::LAST);
            }
            if into.add(first, offset, behind - first, flags)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn layout_flags(data: &FileData) -> ExtentFlags {
    match data {
        FileData::Packed { .. } => ExtentFlags::PACKED,
        _ => ExtentFlags::default(),
    }
}

/// The segments of a file, data and holes, one after the other. A file can have very many.
pub(super) struct Segments<'a> {
    mount: &'a Mounted,
    walk: SegmentWalk,
    count: u32,
}

/// Number of segments that are looked at before the task looks at signals and lets others run.
const STRIDE: u32 = 1024;

impl<'a> Segments<'a> {
    /// Returns the segments from the one on that holds `start`.
    pub(super) fn from(inode: &'a Inode, start: u64) -> Result<Self> {
        let (mount, info) = (inode.mount()?, inode.info());
        let walk = mount.image().segments(info.data()?, info.size, start);
        Ok(Self { mount, walk: walk.map_err(|error| mount.report(error))?, count: 0 })
    }

    fn next(&mut self) -> Result<Option<Segment>> {
        self.count += 1;
        if self.count == STRIDE {
            self.count = 0;
            reschedule_or_stop()?;
        }
        let next = self.mount.image().next_segment(&mut self.walk);
        next.map_err(|error| self.mount.report(error))
    }

    /// Returns the next segment that is not a hole.
    pub(super) fn next_data(&mut self) -> Result<Option<Segment>> {
        loop {
            match self.next()? {
                Some(Segment { data: None, .. }) => {}
                found => return Ok(found),
            }
        }
    }
}
