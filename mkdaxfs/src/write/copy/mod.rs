// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying contents into the image: each file is read once, hashed and written by one thread.
//!
//! A thread hashes several files at once, which is faster than one after the other.
//!
//! Large files have their offsets. A thread copies a few of them at a time, a chunk of each in turn.
//! Small files are copied a batch at a time. Several threads read and hash batches, then each takes
//! its turn to place its files, in the order of inodes: only then is it known which of them equal
//! earlier ones. So the image does not depend on the threads, and no file is read twice.
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

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use self::batch::Batch;
use self::buffer::Buffer;
use self::large::Copied;
use self::target::Placing;
use super::job::Job;
use crate::error::Result;
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
    large: &[LargeFile],
    small: &[NodeId],
) -> Result<(Placing, Vec<Copied>)> {
    placing.contents.next_section(small.len());
    let packing = placing.target.packing();
    let batches = batch::cut(job, small, packing);
    let placing = InOrder::new(placing);
    let copied = Mutex::new(Vec::with_capacity(large.len()));
    let (next_large, next_batch) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let (mut reader, mut buffer) = (job.inputs.reader(), Buffer::new());
        let next = || match placing.is_stopped() {
            true => None,
            false => large.get(next_large.fetch_add(1, Ordering::Relaxed)),
        };
        let done = |one| pool::lock(&copied).push(one);
        large::copy(job, reader.as_mut(), buffer.bytes(), next, done)?;
        while !placing.is_stopped() {
            let turn = next_batch.fetch_add(1, Ordering::Relaxed);
            let Some(range) = batches.get(turn) else {
                break;
            };
            let batch = Batch {
                job,
                files: &small[range.clone()],
                packing,
            };
            batch.copy(reader.as_mut(), &mut buffer, &placing, turn)?;
        }
        Ok(())
    };
    pool::run(job.inputs.options.thread_count(), work, || placing.stop())?;
    Ok((placing.into_inner(), pool::into_inner(copied)))
}
