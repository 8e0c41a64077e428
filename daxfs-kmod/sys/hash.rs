// SPDX-License-Identifier: GPL-2.0-only
//! XXH64 and SHA-256 of the kernel for the format crate.

use super::raw;

/// XXH64 of the kernel.
///
/// # Invariants
/// `xxh64_reset()` was called on the state, which holds numbers and no addresses, so it may move.
pub(crate) struct Xxh64(raw::xxh64_state);

impl daxfs_format::Xxh64 for Xxh64 {
    fn new() -> Self {
        let mut state = pin_init::zeroed();
        // SAFETY: The function writes the state, which is ours, and reads nothing of it.
        unsafe { raw::xxh64_reset(&mut state, 0) };
        // INVARIANT: It was just called.
        Self(state)
    }

    fn update(&mut self, bytes: &[u8]) {
        // SAFETY: By the invariant the state was reset. The function reads `len` bytes of the
        // slice; it fails only for a null pointer, which a slice does not have.
        unsafe { raw::xxh64_update(&mut self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    fn finish(&self) -> u64 {
        // SAFETY: By the invariant the state was reset; the function only reads it.
        unsafe { raw::xxh64_digest(&self.0) }
    }

    #[inline]
    fn oneshot(bytes: &[u8]) -> u64 {
        // SAFETY: The function reads `len` bytes of the slice.
        unsafe { raw::xxh64(bytes.as_ptr().cast(), bytes.len(), 0) }
    }
}

/// SHA-256 of the kernel.
///
/// # Invariants
/// `sha256_init()` was called on the context, and `sha256_final()` was not. It holds numbers and no
/// addresses, so it may move.
pub(crate) struct Sha256(raw::sha256_ctx);

impl daxfs_format::Sha256 for Sha256 {
    fn new() -> Self {
        let mut context = raw::sha256_ctx::default();
        // SAFETY: The function writes the context, which is ours, and reads nothing of it.
        unsafe { raw::sha256_init(&mut context) };
        // INVARIANT: It was just called.
        Self(context)
    }

    fn update(&mut self, bytes: &[u8]) {
        // SAFETY: By the invariant the context was initialised; its first field is the argument
        // with which `sha256_update()` calls this function too. The function reads `len` bytes of
        // the slice.
        unsafe { raw::__sha256_update(&mut self.0.ctx, bytes.as_ptr(), bytes.len()) };
    }

    fn finish(mut self) -> [u8; 32] {
        let mut digest = [0; 32];
        // SAFETY: By the invariant the context was initialised, and it is not used again. The
        // function writes 32 bytes, the length of the array.
        unsafe { raw::sha256_final(&mut self.0, digest.as_mut_ptr()) };
        digest
    }
}
