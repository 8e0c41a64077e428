// SPDX-License-Identifier: MIT OR Apache-2.0
//! The digests of all contents.
//!
//! A digest covers a whole content, so one content is work for one thread. Threads take the largest
//! batches first, so that the last ones are small and the threads finish together.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use daxfs_format::content::content_digest;
use daxfs_format::error::digest_value;
use daxfs_format::{
    ContentId, FileData, Finding, Ino, Memory, Object, ReadFault, Rule, Section, SectionKind,
};

use super::batches::{self, content_of, Batch};
use super::error::{lost, only_faults, CheckError};
use super::findings::Findings;
use super::structure::Structure;
use super::threads::{join, spawn, view};
use crate::file::{FileImage, FileMemory};
use crate::hash::Sha256;
use crate::opened::Opened;

/// The size of a read in bytes, which stays in the cache between copy and hash.
const BUFFER: usize = 128 << 10;

/// The extent of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataSummary {
    /// Contents whose digest was compared.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The receiver of progress, from any thread: the bytes that were verified since its last call.
pub type Progress<'a> = dyn Fn(u64) + Sync + 'a;

/// The verification of an image, planned.
pub struct DataCheck<'a> {
    image: &'a FileImage,
    work: Work<'a>,
}

/// The work that the threads share.
struct Work<'a> {
    structure: &'a Structure,
    batches: Vec<(u64, Batch)>,
    next: AtomicUsize,
    failed: AtomicBool,
}

/// Compares the digests of all contents in `threads` threads.
///
/// # Errors
/// [`CheckError`] if the check could not be completed; `findings` then holds the findings so far.
pub fn verify_data(
    image: &FileImage,
    structure: &Structure,
    threads: usize,
    findings: &mut Findings,
) -> Result<DataSummary, CheckError> {
    DataCheck::plan(image, structure)?.run(threads, &|_| {}, findings)
}

impl<'a> DataCheck<'a> {
    /// Divides the work into batches, the largest first.
    ///
    /// # Errors
    /// [`CheckError::NoDigests`], [`CheckError::Overlap`] and [`CheckError::Read`].
    pub fn plan(image: &'a FileImage, structure: &'a Structure) -> Result<Self, CheckError> {
        let sections = image.superblock().sections();
        let has_contents = structure.owners.iter().any(|&owner| owner != 0);
        if has_contents && sections.get(SectionKind::Digests).is_none() {
            return Err(CheckError::NoDigests);
        }
        let work = Work {
            structure,
            batches: batches::plan(image, structure)?,
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        Ok(Self { image, work })
    }

    /// The number of bytes to verify.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        batches::sum(&self.work.batches)
    }

    /// Does the work in `threads` threads.
    ///
    /// # Errors
    /// As [`verify_data`].
    pub fn run(
        self,
        threads: usize,
        progress: &Progress<'_>,
        findings: &mut Findings,
    ) -> Result<DataSummary, CheckError> {
        let bytes = self.bytes();
        let threads = threads.min(self.work.batches.len());
        let helpers = (1..threads).map(|_| Ok((view(self.image)?, findings.sibling())));
        let mut helpers = helpers.collect::<Result<Vec<_>, CheckError>>()?;
        let work = &self.work;
        let results = thread::scope(|scope| {
            let helpers = helpers.iter_mut();
            let handles =
                helpers.map(|(view, own)| spawn(scope, move || work.run(view, progress, own)));
            let handles = handles.collect::<Result<Vec<_>, _>>()?;
            let mut results = vec![work.run(self.image, progress, findings)];
            results.extend(handles.into_iter().map(join));
            results.into_iter().sum::<Result<u64, CheckError>>()
        });
        for (_, own) in helpers {
            findings.append(own);
        }
        results.map(|contents| DataSummary { contents, bytes })
    }
}

impl Work<'_> {
    /// Takes batches in one thread, and returns the number of contents that it has verified.
    fn run(
        &self,
        view: &FileImage,
        progress: &Progress<'_>,
        findings: &mut Findings,
    ) -> Result<u64, CheckError> {
        let metered = Metered::of(view, progress);
        let mut worker = Worker {
            file: view.memory(),
            image: view.over(metered).map_err(|_| lost(view.memory()))?,
            buffer: vec![0; BUFFER],
            findings,
            contents: 0,
        };
        while let Some((_, batch)) = self.batches.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.failed.load(Ordering::Relaxed) {
                break;
            }
            worker.take(self.structure, batch).inspect_err(|_| {
                self.failed.store(true, Ordering::Relaxed);
            })?;
        }
        Ok(worker.contents)
    }
}

/// A thread's own view of the image.
struct Worker<'a> {
    file: &'a FileMemory,
    image: Opened<Metered<'a>>,
    buffer: Vec<u8>,
    findings: &'a mut Findings,
    contents: u64,
}

impl Worker<'_> {
    fn take(&mut self, structure: &Structure, batch: &Batch) -> Result<(), CheckError> {
        let owners = structure.owners.get(batch.clone()).unwrap_or_default();
        let owners = owners.iter().filter_map(|&owner| Ino::new(owner));
        owners.into_iter().try_for_each(|ino| self.verify(ino))
    }

    /// Compares the digest of the content of inode `ino`. Objects that cannot be read because they
    /// break a rule have been reported by the structural check.
    fn verify(&mut self, ino: Ino) -> Result<(), CheckError> {
        let Some((content, data, inode)) =
            only_faults(self.image.inode(ino), self.file)?.and_then(content_of)
        else {
            return Ok(());
        };
        let stated = only_faults(self.image.digest(content), self.file)?.flatten();
        let found =
            content_digest::<Sha256, _, _>(&self.image, &data, inode.size, &mut self.buffer);
        let found = only_faults(found, self.file)?;
        if let (Some(stated), Some(found)) = (stated, found) {
            self.contents += 1;
            if stated != found {
                self.findings.push(finding(content, &data, &stated));
            }
        }
        Ok(())
    }
}

fn finding(content: ContentId, data: &FileData, stated: &[u8; 32]) -> Finding {
    let (object, value) = (Object::Content(content), digest_value(stated));
    Finding::new(object, data.offset(), Rule::ContentDigest, value)
}

/// A file that counts the content bytes that are read from it.
struct Metered<'a> {
    file: &'a FileMemory,
    contents: [Option<Section>; 2],
    progress: &'a Progress<'a>,
}

impl<'a> Metered<'a> {
    fn of(image: &'a FileImage, progress: &'a Progress<'a>) -> Self {
        let section = |kind| image.superblock().sections().get(kind);
        Self {
            file: image.memory(),
            contents: [section(SectionKind::Data), section(SectionKind::Packed)],
            progress,
        }
    }
}

impl Memory for Metered<'_> {
    fn size(&self) -> u64 {
        self.file.size()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        self.file.read(offset, into)?;
        let mut contents = self.contents.iter().flatten();
        if contents.any(|section| section.holds(offset, 1)) {
            (self.progress)(u64::try_from(into.len()).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
