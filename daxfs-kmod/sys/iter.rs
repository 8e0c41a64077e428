// SPDX-License-Identifier: GPL-2.0-only
//! Destinations of reads.

use kernel::types::Opaque;

use super::raw;

/// A destination of a read: buffers of user space or of the kernel, filled one after the other.
///
/// # Invariants
/// A reference is to a valid `iov_iter` that only the current task uses.
#[repr(transparent)]
pub(crate) struct Iter(Opaque<raw::iov_iter>);

impl Iter {
    /// Creates a reference from C's.
    ///
    /// # Safety
    /// `iter` is valid, and nothing else uses it, for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(iter: *mut raw::iov_iter) -> &'a mut Self {
        // INVARIANT: By the contract of this function.
        // SAFETY: The pointer is valid and exclusive by that contract; the type is transparent.
        unsafe { &mut *iter.cast() }
    }

    /// Returns the iterator as C takes it.
    #[inline]
    pub(super) fn as_ptr(&mut self) -> *mut raw::iov_iter {
        self.0.get()
    }

    /// Returns the number of bytes that it still takes.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        // SAFETY: By the invariant the iterator is valid. All its kinds have the count, beside
        // which the union holds only a copy of it, as the length of a single buffer.
        unsafe { (*self.0.get()).__bindgen_anon_1.__bindgen_anon_1.as_ref().count }
    }

    /// Fills `length` bytes with zeros. Returns how many were filled before a fault.
    #[inline]
    pub(crate) fn zero(&mut self, length: usize) -> usize {
        // SAFETY: By the invariant the iterator is valid. The function fills no more than it takes.
        unsafe { raw::iov_iter_zero(length, self.0.get()) }
    }
}
