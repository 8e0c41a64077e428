// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying contents into the image: each file is read once, hashed and written by one thread.
//!
//! A thread hashes several files at once, which is faster than one after the other.
//!
//! Large files have their places; a thread copies a few of them at a time, a piece of each in turn.
//! Small files are copied a batch at a time. Several threads read and hash batches, then each takes
//! its turn to place its files, in the order of inodes: only then is it known which of them equal
//! earlier ones. So the image does not depend on the threads, and no file is read twice.

mod batch;
mod large;

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

pub(crate) use self::large::LargeFile;

use self::batch::{Batch, Buffer};
use crate::area::Area;
use crate::contents::Contents;
use crate::error::Result;
use crate::observer::Observer;
use crate::options::Options;
use crate::output::Output;
use crate::pool::{self, InOrder};
use crate::source::Reader;
use crate::tree::{NodeId, Tree};

/// What all threads of a copy share.
pub(crate) struct Job<'a> {
    pub(crate) options: &'a Options,
    pub(crate) observer: &'a dyn Observer,
    /// SOURCE.
    pub(crate) root: &'a OwnedFd,
    pub(crate) tree: &'a Tree,
    pub(crate) output: &'a Output,
}

impl Job<'_> {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(self.tree, &self.options.source, self.root.as_fd())
    }
}

/// The section that small files are copied to.
pub(crate) enum Target {
    /// Where the next packed content goes.
    Packed(u64),
    Data(Area),
}

impl Target {
    /// Where the next content would go if there were no gaps.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Self::Packed(end) => *end,
            Self::Data(area) => area.end(),
        }
    }

    /// Bytes before the end that no content was placed in.
    pub(crate) fn unused(&self) -> u64 {
        match self {
            Self::Packed(_) => 0,
            Self::Data(area) => area.unused(),
        }
    }
}

/// What the threads change in turn.
pub(crate) struct Placing {
    pub(crate) contents: Contents,
    pub(crate) target: Target,
}

/// Copies the large files, which have their places, and the small ones, which are given theirs.
///
/// # Errors
/// When a file cannot be read or has changed, or the image cannot be written.
pub(crate) fn copy(
    job: &Job<'_>,
    mut placing: Placing,
    large: &[LargeFile],
    small: &[NodeId],
) -> Result<(Placing, Vec<large::Copied>)> {
    placing.contents.next_section(small.len());
    let packed = matches!(placing.target, Target::Packed(_));
    let batches = batch::cut(job, small, packed);
    let placing = InOrder::new(placing);
    let copied = Mutex::new(Vec::with_capacity(large.len()));
    let (next_large, next_batch) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let (mut reader, mut buffer) = (job.reader(), Buffer::new());
        let next = || match placing.is_stopped() {
            true => None,
            false => large.get(next_large.fetch_add(1, Ordering::Relaxed)),
        };
        let done = |one| pool::lock(&copied).push(one);
        large::copy(job, &mut reader, buffer.bytes(), next, done)?;
        while !placing.is_stopped() {
            let turn = next_batch.fetch_add(1, Ordering::Relaxed);
            let Some(range) = batches.get(turn) else {
                break;
            };
            let batch = Batch {
                job,
                files: &small[range.clone()],
                packed,
            };
            batch.copy(&mut reader, &mut buffer, &placing, turn)?;
        }
        Ok(())
    };
    pool::run(job.options.thread_count(), work, || placing.stop())?;
    Ok((placing.into_inner(), pool::into_inner(copied)))
}
