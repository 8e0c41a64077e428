// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying contents into the image: each file is read once, hashed and written by one thread.
//!
//! A thread hashes several files at once, which is faster than one after the other.
//!
//! Large files have their offsets. A thread copies a few of them at a time, a chunk of each in
//! turn. Small files are copied a batch at a time. Several threads read and hash batches, then each
//! takes its turn to place its files, in the order of inodes: only then is it known which of them
//! equal earlier ones. So the image does not depend on the threads, and no file is read twice.
//!
//! | module | owns |
//! |---|---|
//! | `target` | the section that small files are copied to, and their spacing in it |
//! | `buffer` | the memory of a thread, with the files that are in it |
//! | `batch` | copying a batch of small files |
//! | `large` | copying large and sparse files |

mod batch;
mod buffer;
mod large;
pub(super) mod target;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use self::batch::Batch;
use self::buffer::Buffer;
use self::large::HashedContent;
use self::target::{Packing, Placing};
use super::job::Job;
use crate::error::Result;
use crate::plan::extents::SparseFiles;
use crate::plan::large::LargeFile;
use crate::pool::{self, InOrder};
use crate::tree::node::NodeId;

/// Copies the large files, which have their offsets, and the small ones, which are given theirs.
/// Returns the digests of the former.
///
/// # Errors
/// When a file cannot be read or has changed, or the image cannot be written.
pub(super) fn copy(
    job: Job<'_>,
    mut placing: Placing,
    (large, sparse): (&[LargeFile], &SparseFiles),
    small: &[NodeId],
) -> Result<(Placing, Vec<HashedContent>)> {
    placing.contents.next_section(small.len());
    let packing = placing.target.packing();
    let work = Work {
        job,
        large,
        sparse,
        batches: batch::cut(job, small, packing),
        small,
        packing,
        placing: InOrder::new(placing),
        copied: Mutex::new(Vec::with_capacity(large.len())),
        next_large: AtomicUsize::new(0),
        next_batch: AtomicUsize::new(0),
    };
    let threads = job.inputs.options.thread_count();
    pool::run(threads, || work.run(), || work.placing.stop())?;
    Ok((work.placing.into_inner(), pool::into_inner(work.copied)))
}

/// The work that the threads of a copy share.
struct Work<'a> {
    job: Job<'a>,
    large: &'a [LargeFile],
    sparse: &'a SparseFiles,
    small: &'a [NodeId],
    packing: Packing,
    /// The batches of small files, as ranges of them.
    batches: Vec<Range<usize>>,
    placing: InOrder<Placing>,
    copied: Mutex<Vec<HashedContent>>,
    next_large: AtomicUsize,
    next_batch: AtomicUsize,
}

impl Work<'_> {
    /// The work of one thread.
    fn run(&self) -> Result<()> {
        let (mut reader, mut buffer) = (self.job.inputs.reader(), Buffer::new());
        let done = |one| pool::lock(&self.copied).push(one);
        let next = || self.next_large();
        let job = (self.job, self.sparse);
        large::copy(job, reader.as_mut(), buffer.bytes(), next, done)?;
        while let Some((turn, batch)) = self.next_batch() {
            batch.copy(reader.as_mut(), &mut buffer, &self.placing, turn)?;
        }
        Ok(())
    }

    /// The next large file; `None` also when another thread has failed.
    fn next_large(&self) -> Option<&LargeFile> {
        if self.placing.is_stopped() {
            return None;
        }
        let next = self.next_large.fetch_add(1, Ordering::Relaxed);
        self.large.get(next)
    }

    /// The next batch with its turn; `None` also when another thread has failed.
    fn next_batch(&self) -> Option<(usize, Batch<'_>)> {
        if self.placing.is_stopped() {
            return None;
        }
        let turn = self.next_batch.fetch_add(1, Ordering::Relaxed);
        let files = &self.small[self.batches.get(turn)?.clone()];
        let batch = Batch {
            job: self.job,
            files,
            packing: self.packing,
        };
        Some((turn, batch))
    }
}
