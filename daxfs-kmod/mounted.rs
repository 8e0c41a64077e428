// SPDX-License-Identifier: GPL-2.0-only
//! Opening an image in physical memory, and checking it as far as the mount asks.
//!
//! Every mount verifies superblock, section table and the checksums of all metadata sections.
//! `identity=` compares the superblock's digest, which covers everything else through the digests
//! that it holds; `validate` runs the complete structural check, the one that daxfs-fsck runs.
//! None of this protects against somebody who writes the memory later: nothing else in the module
//! relies on it.

use core::fmt::{self, Arguments};
use core::mem::MaybeUninit;
use core::ops::ControlFlow;

use daxfs_format::check::{self, Scratch, ScratchSize, Stop};
use daxfs_format::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};
use daxfs_format::Finding;
use kernel::error::code;
use kernel::prelude::*;

use crate::errno;
use crate::hash::{Sha256, Xxh64};
use crate::options::Options;
use crate::region::{self, Peek, PhysicalRange, Region};
use crate::sys::log::Log;

/// An image in claimed memory.
pub(crate) type Image = daxfs_format::Image<Region, Xxh64>;

/// What a superblock of the kernel needs of an image.
pub(crate) struct Mounted {
    image: Image,
    /// What the image was opened with: the table that its sections are checked against.
    superblock: KBox<SuperblockCopy>,
    identity: [u8; 32],
    options: Options,
}

/// How many findings of a failed check are printed; the rest is left to daxfs-fsck.
const SHOWN_FINDINGS: u32 = 10;

/// How much memory `validate` takes at most, in bytes: enough for 134 million inodes. The image says
/// how much it would be.
const MAX_SCRATCH: u64 = 1 << 30;

/// The length of the buffer that checks copy through, in bytes.
const BUFFER: usize = 64 * 1024;

impl Mounted {
    /// Opens the image at `phys` and checks what `options` asks for; `log` hears what is wrong.
    pub(crate) fn open(phys: u64, options: &Options, log: Log) -> Result<Self> {
        let mut copy = superblock_room()?;
        let length = image_length(phys, options, &mut copy, log)?;
        let region = Region::claim(range(phys, length, log)?)
            .map_err(|refusal| refused_memory(phys, refusal, log))?;
        let image = Image::open(region, &mut copy).map_err(|error| refused(error, log))?;
        let identity = copy.identity::<Sha256>();
        let mounted = Self { image, superblock: copy, identity, options: *options };
        mounted.require_page_size(log)?;
        mounted.check(options, log)?;
        Ok(mounted)
    }

    /// The image.
    #[inline]
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// What it was mounted with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What `i_generation` is for all inodes: other images give other numbers.
    pub(crate) fn generation(&self) -> u32 {
        let [a, b, c, d, ..] = self.identity;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Does what a mount asks for besides the image being there.
    pub(crate) fn check(&self, options: &Options, log: Log) -> Result {
        self.require_identity(options, log)?;
        self.require_size(options, log)?;
        let mut buffer = KVVec::from_elem(0, BUFFER, GFP_KERNEL)?;
        let mut findings = Findings { log, count: 0 };
        let sink = &mut |finding| findings.take(finding);
        if options.validate {
            self.validate(log, &mut buffer, sink)?;
        }
        let (image, superblock) = (&self.image, &*self.superblock);
        outcome(check::verify_checksums(image, superblock, &mut buffer, sink))?;
        if options.identity.is_some() {
            // XXH64 finds damage; only the digests tie the sections to the superblock.
            let buffer = &mut buffer;
            outcome(check::verify_section_digests::<Sha256, _, _>(image, superblock, buffer, sink))?;
        }
        findings.result()
    }

    fn require_identity(&self, options: &Options, log: Log) -> Result {
        match options.identity {
            Some(wanted) if wanted != self.identity => {
                let found = Hex(&self.identity);
                log.error(format_args!("the image in memory has the identity sha256:{found}"));
                Err(errno::identity())
            }
            _ => Ok(()),
        }
    }

    fn require_size(&self, options: &Options, log: Log) -> Result {
        let needed = self.image.superblock().image_size();
        let Some(size) = options.size else { return Ok(()) };
        if size < needed {
            log.error(format_args!("size={size:#x} is less than the image's {needed:#x}"));
            return Err(code::EINVAL);
        }
        range(self.image.memory().physical(0), size, log).map(drop)
    }

    /// Kernels with larger pages than the image's cannot map its files, nor tell them apart.
    fn require_page_size(&self, log: Log) -> Result {
        let (have, need) = (self.image.superblock().page_shift(), crate::sys::pages::PAGE_SHIFT);
        if have < need {
            log.error(format_args!(
                "the image is made for pages of {} bytes, this kernel has {}",
                1_u64 << have,
                1_u64 << need
            ));
            return Err(code::EINVAL);
        }
        Ok(())
    }

    fn validate(&self, log: Log, buffer: &mut [u8], sink: &mut check::Sink<'_>) -> Result {
        let size = ScratchSize::of(&self.image);
        if size.bytes() > MAX_SCRATCH {
            log.error(format_args!(
                "validate takes {} bytes of memory for this image, more than {MAX_SCRATCH}",
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
        outcome(check::check_structure(&self.image, &self.superblock, &mut scratch, sink))?;
        let Scratch { pages, buffer, .. } = scratch;
        outcome(check::check_data_padding(&self.image, pages, buffer, sink))
    }
}

/// Room for a superblock on the heap: it is too large for the stack.
fn superblock_room() -> Result<KBox<SuperblockCopy>> {
    let mut room = KBox::<SuperblockCopy>::new_uninit(GFP_KERNEL)?;
    // SAFETY: The room is as long as one value.
    unsafe { core::ptr::write_bytes::<MaybeUninit<SuperblockCopy>>(&mut *room, 0, 1) };
    // SAFETY: The type is a copy of bytes: zeros are a value of it, `SuperblockCopy::zeroed()`.
    Ok(unsafe { room.assume_init() })
}

/// How long the image at `phys` says it is. It must fit `size=`, and below the physical limit.
fn image_length(
    phys: u64,
    options: &Options,
    copy: &mut SuperblockCopy,
    log: Log,
) -> Result<u64> {
    let header = SUPERBLOCK_SIZE as u64;
    let range = range(phys, options.size.unwrap_or(header), log)?;
    let peek = Peek::new(range, header).map_err(|refusal| refused_memory(phys, refusal, log))?;
    copy.fill(&peek).map_err(|error| refused(error, log))?;
    let limit = options.size.unwrap_or(u64::MAX);
    let superblock = copy.validate::<Xxh64>(limit).map_err(|error| refused(error, log))?;
    Ok(superblock.image_size())
}

/// The physical range, if a mount may have it.
fn range(phys: u64, length: u64, log: Log) -> Result<PhysicalRange> {
    PhysicalRange::new(phys, length).map_err(|refusal| refused_memory(phys, refusal, log))
}

fn refused_memory(phys: u64, refusal: region::Refusal, log: Log) -> Error {
    log.error(format_args!("memory at phys={phys:#x} {refusal}"));
    refusal.errno()
}

fn refused(error: daxfs_format::Error, log: Log) -> Error {
    log.error(format_args!("{error}"));
    errno::of(&error)
}

fn outcome(outcome: check::Outcome) -> Result {
    match outcome {
        // The findings are what counts; the sink ends a check that has found many.
        Ok(()) | Err(Stop::Sink) => Ok(()),
        Err(Stop::Memory(_)) => Err(code::EIO),
        Err(Stop::Scratch) => Err(code::ENOMEM),
    }
}

/// Counts findings, and prints the first of them.
struct Findings {
    log: Log,
    count: u32,
}

impl Findings {
    fn take(&mut self, finding: Finding) -> ControlFlow<()> {
        self.count += 1;
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
        if self.count == 0 {
            Ok(())
        } else {
            Err(errno::corrupt())
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
