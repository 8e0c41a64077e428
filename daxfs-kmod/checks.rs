// SPDX-License-Identifier: GPL-2.0-only
//! Checking an image, as far as a mount asks.
//!
//! The checksums of all metadata sections are verified; `identity=` verifies the digests of the sections that the
//! superblock holds; `validate` verifies these digests and runs the complete structural check, as
//! daxfs-fsck does. None of this protects against somebody who writes the memory later: nothing else in the
//! module relies on it.

use core::fmt::Arguments;
use core::ops::ControlFlow;

use daxfs_format::check::{self, Scratch, ScratchSize, Stop};
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::Finding;
use kernel::error::code;
use kernel::prelude::*;

use crate::errno;
use crate::hash::{Sha256, Xxh64};
use crate::mounted::{refused, Image};
use crate::options::Options;
use crate::region::{read_failure, Patient};
use crate::sys::log::Log;
use crate::sys::pages::available_memory;

/// An image as checks read it.
type Checked<'a> = daxfs_format::Image<Patient<'a>, Xxh64>;

/// How many findings of a failed check are printed; the rest is left to daxfs-fsck.
const SHOWN_FINDINGS: u32 = 10;

/// How much memory `validate` takes at most, in bytes: enough for 134 million inodes, and far less than
/// what the kernel allocates in one piece. The image says how much it would be.
const MAX_SCRATCH: u64 = 1 << 30;

/// The length of the buffer that checks copy through, in bytes.
const BUFFER: usize = 64 * 1024;

/// Reads the metadata and checks it, as far as `options` asks for. This can take long; a task that
/// is killed ends it.
pub(crate) fn verify(
    image: &Image,
    superblock: &SuperblockCopy,
    options: &Options,
    log: Log<'_>,
) -> Result {
    let patient = Patient::new(image.memory());
    let image = &Checked::with_superblock(patient, image.superblock().clone())
        .map_err(|error| refused(error, log))?;
    let mut buffer = KVVec::from_elem(0, BUFFER, GFP_KERNEL)?;
    let mut findings = Findings { log, count: 0, first: None };
    let sink = &mut |finding| findings.take(finding);
    outcome(check::verify_checksums(image, superblock, &mut buffer, sink), log)?;
    if options.validate || options.identity.is_some() {
        // XXH64 finds damage; only the digests tie the sections to the superblock.
        let digests = check::verify_section_digests::<Sha256, _, _>;
        outcome(digests(image, superblock, &mut buffer, sink), log)?;
    }
    // The last: what it finds in bytes that are not the author's says nothing of the author.
    if options.validate {
        validate(image, superblock, log, &mut buffer, sink)?;
    }
    findings.result()
}

/// The complete structural check.
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
    outcome(check::check_structure(image, superblock, &mut scratch, sink), log)?;
    let Scratch { pages, buffer, .. } = scratch;
    outcome(check::check_data_padding(image, pages, buffer, sink), log)
}

fn outcome(outcome: check::Outcome, log: Log<'_>) -> Result {
    match outcome {
        // The findings are what counts; the sink ends a check that has found many.
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

/// Counts findings, prints the first of them, and keeps the very first, which the mount fails with.
struct Findings<'a> {
    log: Log<'a>,
    count: u32,
    first: Option<Finding>,
}

impl Findings<'_> {
    fn take(&mut self, finding: Finding) -> ControlFlow<()> {
        self.count += 1;
        self.first.get_or_insert(finding);
        self.print(format_args!("{finding}"));
        if self.count < SHOWN_FINDINGS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    fn print(&self, message: Arguments<'_>) {
        self.log.error(message);
    }

    fn result(&self) -> Result {
        self.first.map_or(Ok(()), |finding| Err(errno::of(&finding.into())))
    }
}
