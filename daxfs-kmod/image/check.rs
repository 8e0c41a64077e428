// SPDX-License-Identifier: GPL-2.0-only
//! Checks of an image, as far as a mount asks.
//!
//! A mount has the checksums of all metadata sections verified by a worker thread, after it has
//! returned. With `identity=` or `validate` it verifies them itself, and the digests of the sections,
//! which the superblock holds. `validate` also runs the complete structural check, as daxfs-fsck
//! does. None of this protects against later writes to the memory, and nothing else in the module
//! relies on it.

use core::ops::ControlFlow;

use daxfs_format::check::{self, Scratch, ScratchSize, Stop};
use daxfs_format::superblock::{Superblock, SuperblockCopy};
use daxfs_format::Finding;
use kernel::error::code;
use kernel::prelude::*;
use kernel::sync::atomic::{AtomicFlag, Relaxed};

use super::error::{number, refused};
use super::mounted::Image;
use super::options::Options;
use crate::memory::backing::SharedBacking;
use crate::memory::interruptible::{read_failure, Interruptible};
use crate::sys::background::Background;
use crate::sys::hash::{Sha256, Xxh64};
use crate::sys::log::{self, Log};
use crate::sys::task::available_memory;

/// An image as checks read it.
type Checked<'a> = daxfs_format::Image<Interruptible<'a>, Xxh64>;

/// Number of findings of a failed check that are printed; daxfs-fsck prints the others.
const SHOWN_FINDINGS: u32 = 10;

/// Most memory that `validate` takes, in bytes: enough for 134 million inodes, and far less than
/// the kernel's largest allocation. The image decides how much it would be.
const MAX_SCRATCH: u64 = 1 << 30;

/// Size in bytes of the buffer through which checks copy.
const BUFFER: usize = 64 * 1024;

/// An opened image, as checks need it.
pub(super) struct Opened {
    memory: SharedBacking,
    superblock: Superblock,
    /// The copy from which the image was opened: the table against which sections are checked.
    copy: KBox<SuperblockCopy>,
    /// Ends the check by the worker thread.
    stop: AtomicFlag,
    /// True if that check has found damage.
    is_damaged: AtomicFlag,
}

impl Opened {
    /// Creates the value for an image that was opened from `copy`.
    pub(super) fn new(image: &Image, copy: KBox<SuperblockCopy>) -> Self {
        Self {
            memory: image.memory().clone(),
            superblock: image.superblock().clone(),
            copy,
            stop: AtomicFlag::new(false),
            is_damaged: AtomicFlag::new(false),
        }
    }

    /// Returns the copy from which the image was opened.
    pub(super) fn copy(&self) -> &SuperblockCopy {
        &self.copy
    }

    /// Returns true if the worker thread has found damage.
    #[inline]
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Relaxed)
    }

    /// Verifies checksums and digests, and with `validate` all rules. This can take long; killing
    /// the task ends it.
    pub(super) fn verify(&self, options: &Options, log: Log<'_>) -> Result {
        let memory = Interruptible::new(&self.memory);
        let image = &Checked::with_superblock(memory, self.superblock.clone())
            .map_err(|error| refused(error, log))?;
        let mut buffer = KVVec::from_elem(0, BUFFER, GFP_KERNEL)?;
        let mut findings = Findings { log, count: 0, first: None };
        let sink = &mut |finding| findings.take(finding);
        outcome(check::verify_checksums(image, &self.copy, &mut buffer, sink), log)?;
        // XXH64 finds damage; only the digests tie the sections to the superblock.
        let digests = check::verify_section_digests::<Sha256, _, _>;
        outcome(digests(image, &self.copy, &mut buffer, sink), log)?;
        // This comes last: findings in bytes that are not the author's say nothing about the
        // author.
        if options.validate {
            validate(image, &self.copy, log, &mut buffer, sink)?;
        }
        findings.result()
    }

    /// Verifies the checksums for a mount that has returned. Reports each section that differs, and
    /// memory that fails.
    fn verify_later(&self) -> Result<(), daxfs_format::Error> {
        let memory = Interruptible::new(&self.memory).until(&self.stop);
        let image = Checked::with_superblock(memory, self.superblock.clone())?;
        let Ok(mut buffer) = KVVec::from_elem(0, BUFFER, GFP_KERNEL) else {
            log::error(format_args!("image at {}: no memory to verify checksums", *self.memory));
            return Ok(());
        };
        let sink = &mut |finding: Finding| {
            self.is_damaged.store(true, Relaxed);
            log::error(format_args!("image at {}: {finding}", *self.memory));
            ControlFlow::Continue(())
        };
        match check::verify_checksums(&image, &self.copy, &mut buffer, sink) {
            Err(Stop::Memory(fault)) => Err(fault.into()),
            _ => Ok(()),
        }
    }
}

impl Background for Opened {
    fn run(&self) {
        match self.verify_later() {
            Err(error) if !self.stop.load(Relaxed) => {
                log::error(format_args!("image at {}: {error}", *self.memory));
            }
            _ => {}
        }
    }

    fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
}

/// Runs the complete structural check.
fn validate(
    image: &Checked<'_>,
    superblock: &SuperblockCopy,
    log: Log<'_>,
    buffer: &mut [u8],
    sink: &mut check::Sink<'_>,
) -> Result {
    let size = ScratchSize::of(image);
    let limit = MAX_SCRATCH.min(available_memory() / 4);
    if size.bytes() > limit {
        log.error(format_args!(
            "validate takes {} bytes of memory for this image, more than {limit}",
            size.bytes()
        ));
        return Err(code::ENOMEM);
    }
    let mut links = KVVec::from_elem(0, size.inodes, GFP_KERNEL)?;
    let mut owners = KVVec::from_elem(0, size.inodes, GFP_KERNEL)?;
    let mut acls = KVVec::from_elem(0, size.sets, GFP_KERNEL)?;
    let mut pages = KVVec::from_elem(0, size.page_words, GFP_KERNEL)?;
    let mut scratch = Scratch {
        links: &mut links,
        owners: &mut owners,
        acls: &mut acls,
        pages: &mut pages,
        buffer,
    };
    outcome(check::check_rules(image, superblock, &mut scratch, sink), log)?;
    let Scratch { pages, buffer, .. } = scratch;
    outcome(check::check_data_padding(image, pages, buffer, sink), log)
}

fn outcome(outcome: check::Outcome, log: Log<'_>) -> Result {
    match outcome {
        // The findings decide; the sink ends a check that has many.
        Ok(()) | Err(Stop::Sink) => Ok(()),
        Err(Stop::Memory(fault)) => {
            let error = read_failure();
            if error == code::EIO {
                log.error(format_args!("{fault}"));
            }
            Err(error)
        }
        Err(Stop::Scratch) => Err(code::ENOMEM),
    }
}

/// A sink of findings. It prints the first few, and keeps the very first, with which the mount
/// fails.
struct Findings<'a> {
    log: Log<'a>,
    count: u32,
    first: Option<Finding>,
}

impl Findings<'_> {
    fn take(&mut self, finding: Finding) -> ControlFlow<()> {
        self.count += 1;
        self.first.get_or_insert(finding);
        self.log.error(format_args!("{finding}"));
        if self.count < SHOWN_FINDINGS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn result(&self) -> Result {
        self.first.map_or(Ok(()), |finding| Err(number(&finding.into())))
    }
}
