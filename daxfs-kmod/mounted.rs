// SPDX-License-Identifier: GPL-2.0-only
//! Opening an image in physical memory.
//!
//! Superblock and section table are always verified, the rest ([`crate::checks`]) by the first mount, and by
//! every mount that gives `identity=` or `validate`.

use core::fmt;
use core::mem::MaybeUninit;

use daxfs_format::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};
use daxfs_format::Memory;
use kernel::error::code;
use kernel::prelude::*;

use crate::checks::verify;
use crate::errno;
use crate::hash::{Sha256, Xxh64};
use crate::num::to_u64;
use crate::options::{Options, ALIGNMENT};
use crate::region::{Peek, Region};
use crate::sys::claim::{PhysicalRange, Refusal};
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

impl Mounted {
    /// Opens the image at `phys` and checks what `options` asks for; `log` hears what is wrong.
    pub(crate) fn open(phys: u64, options: &Options, log: Log<'_>) -> Result<Self> {
        let mut copy = superblock_room()?;
        let region = region(phys, options, &mut copy, log)?;
        let image = Image::open(region, &mut copy).map_err(|error| refused(error, log))?;
        let identity = *copy.identity::<Sha256>().as_bytes();
        let mounted = Self { image, superblock: copy, identity, options: *options };
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
        verify(&self.image, &self.superblock, options, log)
    }

    /// Does what another mount of the image asks for. The checksums were verified by the first one, and
    /// are again only where `options` asks for more: containers mount one image many times.
    pub(crate) fn check_again(&self, options: &Options, log: Log<'_>) -> Result {
        self.require_identity(options, log)?;
        self.require_size(options, log)?;
        if options.validate || options.identity.is_some() {
            verify(&self.image, &self.superblock, options, log)?;
        }
        Ok(())
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

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
