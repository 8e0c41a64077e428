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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::len64;
    use crate::plan::extents::tests::extents as list;
    use std::cell::Cell;

    const MIB: u64 = 1 << 20;
    /// The range of a source that knows nothing of its storage.
    const ALL: Range<u64> = 0..u64::MAX;

    /// A file of zeros but for the bytes at some offsets. It counts the bytes that are read.
    struct File {
        size: u64,
        bytes: Vec<u64>,
        /// The ranges that the source names.
        named: Vec<Range<u64>>,
        read: Cell<u64>,
    }

    impl OpenFile for File {
        fn read(&self, into: &mut [u8], offset: u64) -> Result<()> {
            let end = offset + len64(into.len());
            assert!(end <= self.size, "a read behind the end");
            self.read.set(self.read.get() + len64(into.len()));
            into.fill(0);
            for &at in self.bytes.iter().filter(|at| (offset..end).contains(at)) {
                into[to_usize(at - offset)] = 1;
            }
            Ok(())
        }

        fn next_data(&self, from: u64) -> Result<Option<Range<u64>>> {
            let next = self.named.iter().find(|range| range.end > from);
            Ok(next.map(|range| from.max(range.start)..range.end))
        }

        fn verify(&self) -> Result<()> {
            Ok(())
        }
    }

    fn file(size: u64, bytes: &[u64], named: &[Range<u64>]) -> File {
        File {
            size,
            bytes: bytes.to_vec(),
            named: named.to_vec(),
            read: Cell::new(0),
        }
    }

    fn find(file: &File) -> Option<Vec<DataExtent>> {
        extents(file, file.size, &mut vec![0; to_usize(BLOCK)]).unwrap()
    }

    #[test]
    fn ranges_of_a_source_save_reading_and_change_nothing() {
        let (size, bytes) = (64 * MIB, [5 * MIB, 40 * MIB + BLOCK - 1]);
        let expected = Some(list(&[(5 * MIB, BLOCK), (40 * MIB, BLOCK)]));
        let all = file(size, &bytes, &[ALL]);
        assert_eq!(find(&all), expected);
        assert!(all.read.get() >= size - 2 * BLOCK);
        let near = bytes.map(|at| at..at + 1);
        let more = [3 * MIB..7 * MIB, 40 * MIB..41 * MIB];
        let odd = [MIB + 1..5 * MIB + 1, 40 * MIB + 7..size + 99];
        for (named, most) in [(&near, 3 * BLOCK), (&more, 6 * MIB), (&odd, 29 * MIB)] {
            let some = file(size, &bytes, named);
            assert_eq!(find(&some), expected, "{named:?}");
            assert!(
                some.read.get() <= most,
                "{} bytes are read",
                some.read.get()
            );
        }
    }

    #[test]
    fn the_largest_file_of_zeros_is_not_read() {
        let size = daxfs_format::limits::MAX_FILE_SIZE;
        let none = file(size, &[], &[]);
        assert_eq!(find(&none), Some(Vec::new()));
        let last = file(size, &[size - 1], std::slice::from_ref(&(size - 1..size)));
        let start = (size - 1) / BLOCK * BLOCK;
        assert_eq!(find(&last), Some(list(&[(start, size - start)])));
        assert!(last.read.get() < 2 * BLOCK);
    }

    /// A block is read as a whole only if the bytes in its middle are zero.
    #[test]
    fn files_without_holes_are_sampled() {
        let middles: Vec<u64> = (0..256).map(|block| block * BLOCK + BLOCK / 2).collect();
        let dense = file(16 * MIB, &middles, &[ALL]);
        assert_eq!(find(&dense), None);
        assert!(dense.read.get() <= 256 * 64, "{}", dense.read.get());
    }

    #[test]
    fn each_byte_counts() {
        for length in [1, 63, 1023, 1024, 1025, 65_536] {
            let mut bytes = vec![0; length];
            assert!(is_zero(&bytes));
            for at in [0, length / 2, length - 1] {
                bytes[at] = 0x80;
                assert!(!is_zero(&bytes), "{at} of {length}");
                bytes[at] = 0;
            }
        }
    }
}
