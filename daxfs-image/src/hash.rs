// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two hash functions of the format, by crates for user space.

use daxfs_sha256::update_all;

/// XXH64 by `xxhash-rust`.
#[derive(Clone)]
pub struct Xxh64(xxhash_rust::xxh64::Xxh64);

impl daxfs_format::Xxh64 for Xxh64 {
    fn new() -> Self {
        Self(xxhash_rust::xxh64::Xxh64::new(0))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.digest()
    }

    fn oneshot(bytes: &[u8]) -> u64 {
        xxhash_rust::xxh64::xxh64(bytes, 0)
    }
}

/// SHA-256 by `daxfs-sha256`, which uses the SHA instructions of the processor if it has them.
#[derive(Clone)]
pub struct Sha256(daxfs_sha256::Sha256);

impl Sha256 {
    /// Updates each hash with the bytes beside it, several at a time, which is faster than one by
    /// one.
    pub fn update_all<'a>(messages: impl IntoIterator<Item = (&'a mut Self, &'a [u8])>) {
        update_all(
            messages
                .into_iter()
                .map(|(hash, bytes)| (&mut hash.0, bytes)),
        );
    }
}

impl daxfs_format::Sha256 for Sha256 {
    fn new() -> Self {
        Self(daxfs_sha256::Sha256::new())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daxfs_format::{Sha256 as _, Xxh64 as _};

    /// The value for no bytes that the XXH64 specification gives.
    #[test]
    fn xxh64_is_the_specified_function() {
        assert_eq!(Xxh64::oneshot(b""), 0xef46_db37_51d8_e999);
        let mut state = Xxh64::new();
        state.update(b"ab");
        state.update(b"c");
        assert_eq!(state.finish(), Xxh64::oneshot(b"abc"));
    }

    /// The example of FIPS 180-4.
    #[test]
    fn sha256_is_the_specified_function() {
        let mut state = Sha256::new();
        state.update(b"abc");
        assert_eq!(state.finish()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
