// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing contents, in as many threads as there are processors.
//!
//! One thread makes all entries of directories. What is left of a regular file, its contents and
//! attributes, goes through its descriptor and changes no directory, so any thread can do it while
//! the tree goes on.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{FileData, Inode, Memory};
use daxfs_image::FileImage;

use super::attributes::{self, Handle};
use super::summary::Summary;

/// Who hears of content bytes as they are written, from any thread.
pub type Progress<'a> = dyn Fn(u64) + Sync + 'a;

/// What is copied at a time, in bytes.
const BUFFER: usize = 256 << 10;

/// A regular file that has been made, and nothing else.
pub(super) struct Job {
    /// The file.
    pub(super) file: File,
    /// What it becomes.
    pub(super) inode: Inode,
    /// Where its contents are.
    pub(super) data: FileData,
    /// Its path, for messages.
    pub(super) path: Vec<u8>,
}

/// What the threads share.
pub(super) struct Pool {
    jobs: Mutex<Receiver<Job>>,
    failed: AtomicBool,
}

impl Pool {
    /// A pool that does what comes from `jobs`.
    pub(super) fn new(jobs: Receiver<Job>) -> Self {
        Self {
            jobs: Mutex::new(jobs),
            failed: AtomicBool::new(false),
        }
    }

    /// Says that whatever is left need not be done.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether that was said.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Does jobs until there will be no more.
    pub(super) fn work(&self, writer: &mut Writer<'_>) -> Result<()> {
        let next = || {
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.recv().ok()
        };
        while let Some(job) = next() {
            if self.has_failed() {
                continue;
            }
            let done = writer.write(&job);
            done.inspect_err(|_| self.fail())
                .map_err(|error| explain(error, &job.path, writer.image))?;
        }
        Ok(())
    }
}

/// What a thread writes with.
pub(super) struct Writer<'a> {
    image: &'a FileImage,
    progress: &'a Progress<'a>,
    buffer: Vec<u8>,
    /// What has been done.
    pub(super) summary: Summary,
}

impl<'a> Writer<'a> {
    /// A writer that reads from a thread's own view of the image.
    pub(super) fn new(image: &'a FileImage, progress: &'a Progress<'a>) -> Self {
        Self {
            image,
            progress,
            buffer: vec![0; BUFFER],
            summary: Summary::default(),
        }
    }

    /// Writes contents, with holes where the image has them, and attributes.
    pub(super) fn write(&mut self, job: &Job) -> Result<()> {
        let file = &job.file;
        let (data, size) = (&job.data, job.inode.size);
        let mut at = 0;
        while let Some(segment) = self.image.segment(data, size, at)? {
            if let Some(place) = segment.data {
                self.copy(file, at, segment.end, place)?;
            }
            at = segment.end;
        }
        if matches!(data, FileData::Sparse(_)) {
            file.set_len(size).context("cannot set the size")?;
        }
        self.finish(Handle::Open(file.as_fd()), &job.inode, &job.path)
    }

    /// Copies the bytes of the file from `at` to `end`, which begin at `place` in the image.
    fn copy(&mut self, file: &File, mut at: u64, end: u64, mut place: u64) -> Result<()> {
        while at < end {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let count = rest.min(self.buffer.len());
            let piece = &mut self.buffer[..count];
            self.image.memory().read(place, piece)?;
            file.write_all_at(piece, at).context("cannot write it")?;
            let count = u64::try_from(count)?;
            (at, place) = (at + count, place + count);
            self.summary.bytes += count;
            (self.progress)(count);
        }
        Ok(())
    }

    /// Gives a file its attributes. What cannot be set is a problem for the summary.
    pub(super) fn finish(&mut self, file: Handle<'_>, inode: &Inode, path: &[u8]) -> Result<()> {
        attributes::apply(self.image, file, inode, |what, error| {
            self.summary.problem(path, what, error);
        })
    }
}

/// Says which file it was, and what the operating system said if it was the image that could not be
/// read.
pub(super) fn explain(error: anyhow::Error, path: &[u8], image: &FileImage) -> anyhow::Error {
    let error = error.context(format!("cannot extract /{}", shown(path, Charset::Utf8)));
    match image.memory().take_error() {
        Some(cause) => anyhow::Error::new(cause).context(format!("{error:#}")),
        None => error,
    }
}
