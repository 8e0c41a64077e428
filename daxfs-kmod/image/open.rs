// SPDX-License-Identifier: GPL-2.0-only
//! Finding the memory of an image.

use daxfs_format::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};
use daxfs_format::Memory;
use kernel::error::code;
use kernel::prelude::*;

use super::error::refused;
use super::options::{Options, ALIGNMENT};
use crate::memory::backing::Backing;
use crate::memory::{ClaimedRange, Peek, PhysicalRange, Refusal};
use crate::sys::copy::zeroed_box;
use crate::sys::hash::Xxh64;
use crate::sys::log::Log;
use crate::sys::num::to_u64;
use crate::sys::size::HUGE_SIZE;

// The parser of options, which a fuzz target compiles too, has its own number.
const _: () = assert!(ALIGNMENT == HUGE_SIZE);

/// Allocates a copy of a superblock, which is too large for the stack.
pub(super) fn superblock_copy() -> Result<KBox<SuperblockCopy>> {
    zeroed_box()
}

/// Opens the memory of the image at `phys`, as much as its superblock says, which is copied into
/// `copy`.
pub(super) fn open(
    phys: u64,
    options: &Options,
    copy: &mut SuperblockCopy,
    log: Log<'_>,
) -> Result<Backing> {
    let refuse = |refusal| refused_memory(phys, refusal, log);
    if let Some(size) = options.size {
        PhysicalRange::new(phys, size).map_err(refuse)?;
    }
    let beginning = PhysicalRange::new(phys, ALIGNMENT).map_err(refuse)?;
    if let Some(former) = ClaimedRange::of_former_mount(beginning).map_err(refuse)? {
        let length = image_length(&former, options, copy, log)?;
        return former.for_length(length).map(Backing::Claimed).map_err(refuse);
    }
    let peek = Peek::new(beginning, to_u64(SUPERBLOCK_SIZE)).map_err(refuse)?;
    let length = image_length(&peek, options, copy, log)?;
    // The claim on the beginning goes before one on the whole is taken. If another mount is faster,
    // this one is refuse. All that was read is read again.
    drop(peek);
    let range = PhysicalRange::new(phys, length).map_err(refuse)?;
    ClaimedRange::claim(range).map(Backing::Claimed).map_err(refuse)
}

/// Returns the length of the image in `memory` by its superblock. It must fit `size=`.
fn image_length<M: Memory>(
    memory: &M,
    options: &Options,
    copy: &mut SuperblockCopy,
    log: Log<'_>,
) -> Result<u64> {
    copy.fill(memory).map_err(|error| refused(error, log))?;
    let superblock = copy.validate::<Xxh64>(u64::MAX).map_err(|error| refused(error, log))?;
    let length = superblock.image_size();
    require_fit(length, options, log)?;
    Ok(length)
}

/// Checks that an image of this length fits `size=`.
fn require_fit(length: u64, options: &Options, log: Log<'_>) -> Result {
    match options.size {
        Some(size) if size < length => {
            log.error(format_args!("size={size:#x} is less than the image's {length:#x}"));
            Err(code::EINVAL)
        }
        _ => Ok(()),
    }
}

/// Checks `size=` of another mount of an image of this length.
pub(super) fn require_size(
    phys: Option<u64>,
    length: u64,
    options: &Options,
    log: Log<'_>,
) -> Result {
    require_fit(length, options, log)?;
    let (Some(phys), Some(size)) = (phys, options.size) else { return Ok(()) };
    let range = PhysicalRange::new(phys, size);
    range.map(drop).map_err(|refusal| refused_memory(phys, refusal, log))
}

fn refused_memory(phys: u64, refusal: Refusal, log: Log<'_>) -> Error {
    log.error(format_args!("memory at phys={phys:#x} {refusal}"));
    refusal.errno()
}
