// SPDX-License-Identifier: GPL-2.0-only
//! Copies out of memory that others write and that may fail.
//!
//! The bytes of one copy may stem from different moments. The compiler must never read the source
//! again instead of the copy: C functions make the copies, or a barrier follows, after which the
//! compiler has to assume that the source has changed. Writes by others race with the copy. That is
//! not an access of Rust's to the source, and any bytes are valid as a copy.
//!
//! A processor that finds a line of memory broken raises a machine check. It ends the machine,
//! unless the kernel knows the instruction that caused it. The kernel's "mc" copies consist of such
//! instructions where the processor can continue after a machine check, and are plain elsewhere.

use core::arch::asm;
use core::mem::MaybeUninit;

use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};
use zerocopy::FromZeros;

use super::iter::Iter;
use super::raw;
#[cfg(CONFIG_ARCH_HAS_COPY_MC)]
use super::raw::_copy_mc_to_iter as copy_mc_to_iter;
#[cfg(not(CONFIG_ARCH_HAS_COPY_MC))]
use super::raw::_copy_to_iter as copy_mc_to_iter;

/// An error: the memory has lost the bytes.
pub(crate) struct Lost;

/// True if the machine can continue after a machine check in a copy.
static RECOVERS: Atomic<bool> = Atomic::new(false);

/// Chooses the copy for this machine.
pub(crate) fn prepare() {
    // SAFETY: The function reads features of the processor and takes no argument.
    RECOVERS.store(unsafe { raw::daxfs_recovers_from_poison() }, Relaxed);
}

/// Copies `into.len()` bytes from `from`.
///
/// # Safety
/// `into.len()` bytes from `from` on are mapped, in memory that no Rust object lies in.
#[inline]
pub(crate) unsafe fn copy_out(from: *const u8, into: &mut [u8]) -> Result<(), Lost> {
    let (to, length) = (into.as_mut_ptr(), into.len());
    if RECOVERS.load(Relaxed) {
        // SAFETY: The source is mapped, by the contract of this function. The destination is a
        // slice, which by that contract does not overlap it.
        let left = unsafe { raw::daxfs_copy_mc_to_kernel(to.cast(), from.cast(), length) };
        return if left == 0 { Ok(()) } else { Err(Lost) };
    }
    // SAFETY: The source is mapped and does not overlap the slice, by the contract of this
    // function; `memcpy` requires no alignment.
    unsafe { raw::memcpy(to.cast(), from.cast(), length) };
    // SAFETY: The block has no instruction. For all that the compiler knows it uses both addresses
    // and writes memory, so that the copy is complete and later reads of it use the destination.
    unsafe { asm!("/* {0} {1} */", in(reg) from, in(reg) to, options(nostack, preserves_flags)) };
    Ok(())
}

/// Fills a buffer with zeros, and returns it as initialised bytes.
pub(crate) fn zeroed(buffer: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    let (bytes, length) = (buffer.as_mut_ptr().cast::<u8>(), buffer.len());
    // SAFETY: The pointer is that to `length` bytes of an exclusive slice.
    unsafe { bytes.write_bytes(0, length) };
    // SAFETY: The bytes are those of an exclusive slice, which stays borrowed; the line above
    // initialised them.
    unsafe { core::slice::from_raw_parts_mut(bytes, length) }
}

/// Allocates a value of zeros, without one on the stack.
pub(crate) fn zeroed_box<T: FromZeros>() -> Result<KBox<T>> {
    let mut value = KBox::<T>::new_uninit(GFP_KERNEL)?;
    // SAFETY: The pointer is that to an exclusive value of this type.
    unsafe { value.as_mut_ptr().write_bytes(0, 1) };
    // SAFETY: All bytes are zeros by now, which are a value of the type, by the contract of
    // `FromZeros`.
    Ok(unsafe { value.assume_init() })
}

/// Copies `length` bytes from `from` to the destination of a read. Returns the number of bytes that
/// were copied before the destination faulted or the source failed.
///
/// # Safety
/// `length` bytes from `from` on are mapped.
#[inline]
pub(crate) unsafe fn copy_to_iter(from: *const u8, length: usize, to: &mut Iter) -> usize {
    // SAFETY: The source is mapped, by the contract of this function, and the iterator is valid.
    // The function copies each byte once and does not interpret it.
    unsafe { copy_mc_to_iter(from.cast(), length, to.as_ptr()) }
}
