// SPDX-License-Identifier: MIT OR Apache-2.0
//! The holes of files, decided by contents alone.
//!
//! The storage that a file system has given to a file says nothing: copies, reserved extents,
//! delayed allocation and mapped reads change it, and contents stay the same. So a hole is defined
//! by bytes:
//!
//! - A file of at most [`SMALL`] bytes has no holes.
//! - A file consists of blocks of 64 KiB, the last of which may be shorter. Only a whole block of
//!   zeros can be a hole.
//! - Each 2 MiB of a file, and the rest behind the last, have holes only if a quarter of them would
//!   be holes. So hardly any zeros split bytes that a huge page could map.
//! - A file has holes only if they are a quarter of it.
//!
//! A block is a multiple of every page, so holes do not depend on the page of the image.

use std::ops::Range;
use std::sync::Mutex;

use daxfs_format::limits::HUGE_PAGE;

use super::classes::SMALL;
use super::extents::{DataExtent, ExtentCollector, SparseFiles};
use super::inputs::Inputs;
use crate::error::Result;
use crate::num::{len64, to_usize};
use crate::pool::{self, lock};
use crate::source::OpenFile;
use crate::tree::node::NodeId;

/// Length in bytes of the shortest hole.
const BLOCK: u64 = 64 << 10;
/// Length in bytes of the part of a file whose zeros are weighed together.
const STRETCH: u64 = HUGE_PAGE;
/// The part of a stretch, and of a file, that its holes are at least.
const WORTH: u64 = 4;
/// Number of bytes in the middle of a block that are read before the rest.
const SAMPLE: usize = 64;
/// Number of bytes that are compared with zero at a time.
const STEP: usize = 1024;

/// The files with holes among `files`.
///
/// # Errors
/// When a file cannot be read, or has changed.
pub(crate) fn find(inputs: Inputs<'_>, files: &[NodeId]) -> Result<SparseFiles> {
    let sparse = Mutex::new(SparseFiles::default());
    let threads = inputs.options.thread_count();
    let state = || (inputs.reader(), vec![0; to_usize(BLOCK)]);
    pool::each(threads, files, state, |(reader, buffer), &file| {
        let open = reader.open(file)?;
        let found = extents(open.as_ref(), inputs.tree.size(file), buffer)?;
        open.verify()?;
        if let Some(extents) = found {
            lock(&sparse).insert(file, extents);
        }
        Ok(())
    })?;
    Ok(pool::into_inner(sparse))
}

/// The extents of a file of `size` bytes, or `None` if it has no holes.
fn extents(open: &dyn OpenFile, size: u64, buffer: &mut [u8]) -> Result<Option<Vec<DataExtent>>> {
    if size <= SMALL {
        return Ok(None);
    }
    let most = size - size.div_ceil(WORTH);
    let mut blocks = Blocks {
        open,
        size,
        buffer,
        data: Some(0..0),
    };
    let mut extents = ExtentCollector::default();
    let mut at = 0;
    while let Some(start) = blocks.data_from(at)? {
        let stretch = start / STRETCH * STRETCH;
        at = size.min(stretch.saturating_add(STRETCH));
        blocks.add_data(stretch..at, &mut extents)?;
        if extents.bytes() > most {
            return Ok(None);
        }
    }
    Ok(Some(extents.finish()))
}

/// The blocks of a file. They are asked for in their order.
struct Blocks<'a> {
    open: &'a dyn OpenFile,
    size: u64,
    buffer: &'a mut [u8],
    /// The range of the file that the source has named last. `None` if only zeros follow.
    data: Option<Range<u64>>,
}

impl Blocks<'_> {
    /// The first offset from `at` on that may hold another byte than zero.
    fn data_from(&mut self, at: u64) -> Result<Option<u64>> {
        while let Some(data) = &self.data {
            if at >= self.size {
                return Ok(None);
            }
            if at < data.end {
                return Ok(Some(at.max(data.start)));
            }
            self.data = self
                .open
                .next_data(at)?
                .filter(|data| data.start < self.size);
        }
        Ok(None)
    }

    /// Adds the data of a stretch to the extents.
    fn add_data(&mut self, stretch: Range<u64>, extents: &mut ExtentCollector) -> Result<()> {
        let length = stretch.end - stretch.start;
        let (mut list, mut zeros) = (Vec::new(), 0);
        let mut at = stretch.start;
        while at < stretch.end {
            let block = at..stretch.end.min(at + BLOCK);
            let length = block.end - block.start;
            at = block.end;
            if self.is_zero(block.clone())? {
                zeros += length;
            } else {
                list.push((block.start, length));
            }
        }
        if zeros < length.div_ceil(WORTH) {
            extents.add(stretch.start, length);
        } else {
            for (offset, length) in list {
                extents.add(offset, length);
            }
        }
        Ok(())
    }

    fn is_zero(&mut self, block: Range<u64>) -> Result<bool> {
        if self
            .data_from(block.start)?
            .is_none_or(|start| start >= block.end)
        {
            return Ok(true);
        }
        let bytes = &mut self.buffer[..to_usize(block.end - block.start)];
        // Most blocks without holes are found by a few of their bytes.
        let middle = bytes.len() / 2;
        let sample = &mut bytes[..SAMPLE.min(middle)];
        self.open.read(sample, block.start + len64(middle))?;
        if !is_zero(sample) {
            return Ok(false);
        }
        self.open.read(bytes, block.start)?;
        Ok(is_zero(bytes))
    }
}

/// Returns true if all bytes are zero. The inner loop has no branch, so that it is vectorized.
fn is_zero(bytes: &[u8]) -> bool {
    let step = |step: &[u8]| step.iter().fold(0, |all, byte| all | byte) == 0;
    bytes.chunks(STEP).all(step)
}
