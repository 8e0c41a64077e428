// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's XXH64 and SHA-256 behind the seams of the format crate.

use crate::sys::raw;

/// XXH64 of the kernel.
pub(crate) struct Xxh64(raw::xxh64_state);

impl daxfs_format::Xxh64 for Xxh64 {
    fn new() -> Self {
        let mut state = pin_init::zeroed();
        // SAFETY: The state is ours, and any bytes can be reset.
        unsafe { raw::xxh64_reset(&mut state, 0) };
        Self(state)
    }

    fn update(&mut self, bytes: &[u8]) {
        // SAFETY: The state was reset; the bytes are readable. It fails for a null input only.
        unsafe { raw::xxh64_update(&mut self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    fn finish(&self) -> u64 {
        // SAFETY: The state was reset.
        unsafe { raw::xxh64_digest(&self.0) }
    }

    #[inline]
    fn oneshot(bytes: &[u8]) -> u64 {
        // SAFETY: The bytes are readable.
        unsafe { raw::xxh64(bytes.as_ptr().cast(), bytes.len(), 0) }
    }
}

/// SHA-256 of the kernel.
pub(crate) struct Sha256(raw::sha256_ctx);

impl daxfs_format::Sha256 for Sha256 {
    fn new() -> Self {
        let mut context = raw::sha256_ctx::default();
        // SAFETY: The context is ours.
        unsafe { raw::sha256_init(&mut context) };
        Self(context)
    }

    fn update(&mut self, bytes: &[u8]) {
        // SAFETY: The context was initialised; the bytes are readable.
        unsafe { raw::__sha256_update(&mut self.0.ctx, bytes.as_ptr(), bytes.len()) };
    }

    fn finish(mut self) -> [u8; 32] {
        let mut digest = [0; 32];
        // SAFETY: The context was initialised; the function writes 32 bytes.
        unsafe { raw::sha256_final(&mut self.0, digest.as_mut_ptr()) };
        digest
    }
}
