// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing contents, in several threads.
//!
//! One thread creates all directory entries. Contents and attributes of a regular file go through
//! its descriptor and change no directory, so any thread can write them meanwhile.

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

use super::attributes::{Handle, Restoration};
use super::restore::Restore;
use super::summary::Summary;

/// The receiver of progress, from any thread: the content bytes that were written.
pub type Progress<'a> = dyn Fn(u64) + Sync + 'a;

/// The size of a copy in bytes.
const BUFFER: usize = 256 << 10;

/// A regular file that has been created, without contents and attributes.
pub(super) struct Job {
    /// The file.
    pub(super) file: File,
    /// Its inode in the image.
    pub(super) inode: Inode,
    /// The location of its contents.
    pub(super) data: FileData,
    /// Its path, for messages.
    pub(super) path: Vec<u8>,
}

/// The jobs that the threads share.
pub(super) struct Pool {
    jobs: Mutex<Receiver<Job>>,
    failed: AtomicBool,
}

impl Pool {
    /// A pool that does the jobs from a queue.
    pub(super) fn new(jobs: Receiver<Job>) -> Self {
        Self {
            jobs: Mutex::new(jobs),
            failed: AtomicBool::new(false),
        }
    }

    /// Declares that the remaining jobs need not be done.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Returns true if [`Self::fail`] was called.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Does jobs until the queue ends.
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

/// The writer of one thread.
pub(super) struct Writer<'a> {
    image: &'a FileImage,
    progress: &'a Progress<'a>,
    buffer: Vec<u8>,
    /// The properties that are restored.
    pub(super) restore: Restore,
    /// The result so far.
    pub(super) summary: Summary,
}

impl<'a> Writer<'a> {
    /// A writer that reads from a thread's own view of the image.
    pub(super) fn new(image: &'a FileImage, restore: Restore, progress: &'a Progress<'a>) -> Self {
        Self {
            image,
            progress,
            restore,
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
            if let Some(offset) = segment.data {
                self.copy(file, at, segment.end, offset)?;
            }
            at = segment.end;
        }
        if matches!(data, FileData::Sparse(_)) {
            file.set_len(size).context("cannot set the size")?;
        }
        self.finish(Handle::Open(file.as_fd()), &job.inode, &job.path)
    }

    /// Copies the bytes of the file from `at` to `end`, which begin at `offset` in the image.
    fn copy(&mut self, file: &File, mut at: u64, end: u64, mut offset: u64) -> Result<()> {
        while at < end {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let count = rest.min(self.buffer.len());
            let part = &mut self.buffer[..count];
            self.image.memory().read(offset, part)?;
            file.write_all_at(part, at)
                .context("cannot write the file")?;
            let count = u64::try_from(count)?;
            (at, offset) = (at + count, offset + count);
            self.summary.bytes += count;
            (self.progress)(count);
        }
        Ok(())
    }

    /// Sets the attributes of a file. Failures are losses.
    pub(super) fn finish(&mut self, file: Handle<'_>, inode: &Inode, path: &[u8]) -> Result<()> {
        let mut restoration = Restoration {
            image: self.image,
            file,
            inode,
            path,
            restore: self.restore,
            summary: &mut self.summary,
        };
        restoration.apply()
    }
}

/// Adds the file to an error, and the cause from the operating system if the image could not be
/// read.
pub(super) fn explain(error: anyhow::Error, path: &[u8], image: &FileImage) -> anyhow::Error {
    let error = error.context(format!("cannot extract /{}", shown(path, Charset::Utf8)));
    match image.memory().take_error() {
        Some(cause) => anyhow::Error::new(cause).context(format!("{error:#}")),
        None => error,
    }
}
