// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traits for the two hash functions, and the hash that sorts names.
//!
//! User space implements them by well-kept crates, the kernel module by the kernel's own code.

/// XXH64 with seed 0, incrementally. Specification: <https://github.com/Cyan4973/xxHash>.
pub trait Xxh64 {
    /// The state over no bytes.
    fn new() -> Self;

    /// Appends bytes.
    fn update(&mut self, bytes: &[u8]);

    /// The hash of all bytes so far.
    fn finish(&self) -> u64;

    /// The hash of `bytes` alone.
    #[must_use]
    fn oneshot(bytes: &[u8]) -> u64
    where
        Self: Sized,
    {
        let mut state = Self::new();
        state.update(bytes);
        state.finish()
    }
}

/// SHA-256 (FIPS 180-4), incrementally.
pub trait Sha256 {
    /// The state over no bytes.
    fn new() -> Self;

    /// Appends bytes.
    fn update(&mut self, bytes: &[u8]);

    /// The digest of all bytes.
    fn finish(self) -> [u8; 32];
}

/// The sort key of directory entries: the low 32 bits of the name's XXH64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameHash(pub u32);

impl NameHash {
    /// The hash of a name.
    #[inline]
    #[must_use]
    pub fn of<X: Xxh64>(name: &[u8]) -> Self {
        let [a, b, c, d, ..] = X::oneshot(name).to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }
}
