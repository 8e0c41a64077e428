// SPDX-License-Identifier: GPL-2.0-only
//! Copying out of memory that others may be writing, and that may fail.
//!
//! The bytes of a copy may be those of different moments. What matters is that the compiler never
//! reads the source again in the place of the copy: the copies are made by C functions or followed by
//! a barrier, after which it must take what was copied, since the source may have changed. The writes
//! of others race with the copy; that is no access of Rust's to the source, and no value is made of it
//! before it is copied, so that any bytes are good.
//!
//! A processor that finds a line of memory broken raises a machine check, which ends the machine
//! unless the kernel knows the instruction that it came from. The kernel's copies "mc" are made of
//! such instructions, where the processor can go on after a machine check; elsewhere they are plain.

use core::arch::asm;
use core::mem::MaybeUninit;

use kernel::sync::atomic::{Atomic, Relaxed};

use super::raw;
#[cfg(CONFIG_ARCH_HAS_COPY_MC)]
use super::raw::_copy_mc_to_iter as copy_mc_to_iter;
#[cfg(not(CONFIG_ARCH_HAS_COPY_MC))]
use super::raw::_copy_to_iter as copy_mc_to_iter;

/// The memory has lost the bytes.
pub(crate) struct Lost;

/// Whether the machine can go on after a machine check in a copy.
static RECOVERS: Atomic<bool> = Atomic::new(false);

/// Finds out how to copy on this machine.
pub(crate) fn prepare() {
    // SAFETY: Reads what is known of the processor.
    RECOVERS.store(unsafe { raw::daxfs_recovers_from_poison() }, Relaxed);
}

/// Copies `into.len()` bytes from `from`.
///
/// # Safety
/// `into.len()` bytes from `from` on are mapped.
#[inline]
pub(crate) unsafe fn copy_out(from: *const u8, into: &mut [u8]) -> Result<(), Lost> {
    let (to, length) = (into.as_mut_ptr(), into.len());
    if RECOVERS.load(Relaxed) {
        // SAFETY: The source is mapped, by the contract of this function; the destination is a slice,
        // and no slice lies in memory that images are in, so the two do not overlap.
        let left = unsafe { raw::daxfs_copy_mc_to_kernel(to.cast(), from.cast(), length) };
        return if left == 0 { Ok(()) } else { Err(Lost) };
    }
    // SAFETY: As above. A `memcpy` wants no alignment.
    unsafe { raw::memcpy(to.cast(), from.cast(), length) };
    // SAFETY: No instruction. It takes both addresses and may write memory, for all that the compiler
    // knows; so what was copied is in the destination, and is read from there.
    unsafe { asm!("/* {0} {1} */", in(reg) from, in(reg) to, options(nostack, preserves_flags)) };
    Ok(())
}

/// Gives values to bytes that may have none yet, so that they can be a slice that is copied to.
pub(crate) fn zeroed(room: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    let (bytes, length) = (room.as_mut_ptr().cast::<u8>(), room.len());
    // SAFETY: The bytes are those of a slice.
    unsafe { bytes.write_bytes(0, length) };
    // SAFETY: As above, borrowed as long as that slice; they have values by now.
    unsafe { core::slice::from_raw_parts_mut(bytes, length) }
}

/// Copies `length` bytes from `from` to the destination of a read; returns how many were copied before
/// the destination faulted or the source failed.
///
/// # Safety
/// `length` bytes from `from` on are mapped; `to` is a valid iterator.
#[inline]
pub(crate) unsafe fn copy_to_iter(
    from: *const u8,
    length: usize,
    to: *mut raw::iov_iter,
) -> usize {
    // SAFETY: By the contract of this function. The function copies once and looks at no byte.
    unsafe { copy_mc_to_iter(from.cast(), length, to) }
}
