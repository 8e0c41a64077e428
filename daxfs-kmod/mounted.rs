// SPDX-License-Identifier: GPL-2.0-only
//! Opening an image in physical memory, and checking it as far as the mount asks.
//!
//! The first mount verifies superblock, section table and the checksums of all metadata sections.
//! `identity=` compares the superblock's digest and verifies the digests of the sections that it
//! holds, on every mount that gives it; `validate` verifies these digests and runs the complete
//! structural check, as daxfs-fsck does, likewise. None of this protects against somebody who writes the memory later:
//! nothing else in the module relies on it.

use core::fmt::{self, Arguments};
use core::mem::MaybeUninit;
use core::ops::ControlFlow;

use daxfs_format::check::{self, Scratch, ScratchSize, Stop};
use daxfs_format::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};
use daxfs_format::{Finding, Memory};
use kernel::error::code;
use kernel::prelude::*;

use crate::errno;
use crate::hash::{Sha256, Xxh64};
use crate::num::to_u64;
use crate::options::{Options, ALIGNMENT};
use crate::region::{read_failure, Patient, Peek, Region};
use crate::sys::claim::{PhysicalRange, Refusal};
use crate::sys::log::Log;
use crate::sys::pages::available_memory;

/// An image in claimed memory.
pub(crate) type Image = daxfs_format::Image<Region, Xxh64>;

/// The same, as checks read it.
type Checked<'a> = daxfs_format::Image<Patient<'a>, Xxh64>;

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

/// How much memory `validate` takes at most, in bytes: enough for 134 million inodes, and far less than
/// what the kernel allocates in one piece. The image says how much it would be.
const MAX_SCRATCH: u64 = 1 << 30;

/// The length of the buffer that checks copy through, in bytes.
const BUFFER: usize = 64 * 1024;

impl Mounted {
    /// Opens the image at `phys` and checks what `options` asks for; `log` hears what is wrong.
    pub(crate) fn open(phys: u64, options: &Options, log: Log<'_>) -> Result<Self> {
        let mut copy = superblock_room()?;
        let region = region(phys, options, &mut copy, log)?;
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

    /// The identity of the image.
    pub(crate) fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// What `i_generation` is for all inodes: other images give other numbers.
    pub(crate) fn generation(&self) -> u32 {
        let [a, b, c, d, ..] = self.identity;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Does what a first mount asks for besides the image being there.
    fn check(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        self.verify(options, log)
    }

    /// Does what another mount of the image asks for. The checksums were verified by the first one, and
    /// are again only where `options` asks for more: containers mount one image many times.
    pub(crate) fn check_again(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        self.require_size(options, log)?;
        if options.validate || options.identity.is_some() {
            self.verify(options, log)?;
        }
        Ok(())
    }

    /// Reads the metadata and checks it, as far as `options` asks for. This can take long; a task that
    /// is killed ends it.
    fn verify(&self, options: &Options, log: Log<'_>) -> Result {
        let patient = Patient::new(self.image.memory());
        let superblock = self.image.superblock().clone();
        let image = &Checked::with_superblock(patient, superblock)
            .map_err(|error| refused(error, log))?;
        let mut buffer = KVVec::from_elem(0, BUFFER, GFP_KERNEL)?;
        let mut findings = Findings { log, count: 0, first: None };
        let sink = &mut |finding| findings.take(finding);
        outcome(check::verify_checksums(image, &self.superblock, &mut buffer, sink), log)?;
        if options.validate || options.identity.is_some() {
            // XXH64 finds damage; only the digests tie the sections to the superblock.
            let digests = check::verify_section_digests::<Sha256, _, _>;
            outcome(digests(image, &self.superblock, &mut buffer, sink), log)?;
        }
        // The last: what it finds in bytes that are not the author's says nothing of the author.
        if options.validate {
            validate(image, &self.superblock, log, &mut buffer, sink)?;
        }
        findings.result()
    }

    fn require_identity(&self, options: &Options, log: Log<'_>) -> Result {
        match options.identity {
            Some(wanted) if wanted != self.identity => {
                let found = Hex(&self.identity);
                log.error(format_args!("the image in memory has the identity sha256:{found}"));
                Err(errno::identity())
            }
            _ => Ok(()),
        }
    }

    fn require_size(&self, options: &Options, log: Log<'_>) -> Result {
        require_room(self.image.superblock().image_size(), options, log)?;
        let Some(size) = options.size else { return Ok(()) };
        let phys = self.image.memory().physical(0);
        let range = PhysicalRange::new(phys, size);
        range.map(drop).map_err(|refusal| refused_memory(phys, refusal, log))
    }

    /// Kernels with larger pages than the image's cannot map its files, nor tell them apart.
    fn require_page_size(&self, log: Log<'_>) -> Result {
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

/// Room for a superblock on the heap: it is too large for the stack.
fn superblock_room() -> Result<KBox<SuperblockCopy>> {
    let mut room = KBox::<SuperblockCopy>::new_uninit(GFP_KERNEL)?;
    // SAFETY: The room is as long as one value.
    unsafe { core::ptr::write_bytes::<MaybeUninit<SuperblockCopy>>(&mut *room, 0, 1) };
    // SAFETY: The type is a copy of bytes: zeros are a value of it, `SuperblockCopy::zeroed()`.
    Ok(unsafe { room.assume_init() })
}

/// The memory of the image at `phys`, as much as its superblock says, which is copied into `copy`.
fn region(
    phys: u64,
    options: &Options,
    copy: &mut SuperblockCopy,
    log: Log<'_>,
) -> Result<Region> {
    let refused = |refusal| refused_memory(phys, refusal, log);
    if let Some(size) = options.size {
        PhysicalRange::new(phys, size).map_err(refused)?;
    }
    let beginning = PhysicalRange::new(phys, ALIGNMENT).map_err(refused)?;
    if let Some(former) = Region::of_former_mount(beginning).map_err(refused)? {
        let length = image_length(&former, options, copy, log)?;
        return former.for_length(length).map_err(refused);
    }
    let peek = Peek::new(beginning, to_u64(SUPERBLOCK_SIZE)).map_err(refused)?;
    let length = image_length(&peek, options, copy, log)?;
    // The claim on the beginning goes, and one on the whole comes: a mount elsewhere may be faster, and
    // then this one is refused. What was read is read again.
    drop(peek);
    let range = PhysicalRange::new(phys, length).map_err(refused)?;
    Region::claim(range).map_err(refused)
}

/// How long the image in `memory` says it is. It must fit `size=`.
fn image_length<M: Memory>(
    memory: &M,
    options: &Options,
    copy: &mut SuperblockCopy,
    log: Log<'_>,
) -> Result<u64> {
    copy.fill(memory).map_err(|error| refused(error, log))?;
    let superblock = copy.validate::<Xxh64>(u64::MAX).map_err(|error| refused(error, log))?;
    let length = superblock.image_size();
    require_room(length, options, log)?;
    Ok(length)
}

/// Whether an image of this length fits `size=`.
fn require_room(length: u64, options: &Options, log: Log<'_>) -> Result {
    match options.size {
        Some(size) if size < length => {
            log.error(format_args!("size={size:#x} is less than the image's {length:#x}"));
            Err(code::EINVAL)
        }
        _ => Ok(()),
    }
}

fn refused_memory(phys: u64, refusal: Refusal, log: Log<'_>) -> Error {
    log.error(format_args!("memory at phys={phys:#x} {refusal}"));
    refusal.errno()
}

/// Tells `log` why an image is refused, and gives the number for it.
pub(crate) fn refused(error: daxfs_format::Error, log: Log<'_>) -> Error {
    log.error(format_args!("{error}"));
    errno::of(&error)
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

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
