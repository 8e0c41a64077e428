// SPDX-License-Identifier: MIT OR Apache-2.0
//! SHA-256 of several messages at once on one processor.
//!
//! The SHA instructions have long latencies: one message uses little more than half of their
//! throughput. [`update_all`] interleaves up to four messages. Everything else, and every processor
//! without these instructions, uses the compression function of `sha2`.
//!
//! ```
//! use daxfs_sha256::{update_all, Sha256};
//!
//! let (mut first, mut second) = (Sha256::new(), Sha256::new());
//! update_all([(&mut first, &b"one"[..]), (&mut second, b"two")]);
//! let mut alone = Sha256::new();
//! alone.update(b"two");
//! assert_eq!(second.finish(), alone.finish());
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `lanes` | the choice of the messages that are interleaved |
//! | `x86` | the rounds, for processors with SHA instructions |

mod lanes;
#[cfg(target_arch = "x86_64")]
mod x86;

use sha2::block_api::compress256;

pub use lanes::update_all;

/// The size in bytes of a block of the compression function.
const BLOCK: usize = 64;
/// The offset of the length of the message in the last block.
const LENGTH: usize = BLOCK - 8;

type Block = [u8; BLOCK];
type State = [u32; 8];

/// The state before the first block, of FIPS 180-4.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The hash of a message that is passed in parts.
///
/// # Invariants
/// The first `held` bytes of `rest` are the end of the message, and `held` is below 64.
#[derive(Clone, Debug)]
pub struct Sha256 {
    state: State,
    rest: Block,
    held: usize,
    /// In bytes.
    length: u64,
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Sha256 {
    /// The hash of an empty message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: INITIAL,
            rest: [0; BLOCK],
            held: 0,
            length: 0,
        }
    }

    /// Appends bytes to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        let blocks = self.take(bytes);
        compress256(&mut self.state, blocks);
    }

    /// Ends the message and returns its hash.
    #[must_use]
    pub fn finish(mut self) -> [u8; 32] {
        let bits = self.length.wrapping_mul(8);
        self.rest[self.held] = 0x80;
        self.rest[self.held + 1..].fill(0);
        if self.held >= LENGTH {
            compress256(&mut self.state, &[self.rest]);
            self.rest.fill(0);
        }
        self.rest[LENGTH..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &[self.rest]);
        let mut digest = [0; 32];
        for (to, word) in digest.chunks_exact_mut(4).zip(self.state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }

    /// Appends bytes, and returns their whole blocks, which are still to be compressed.
    fn take<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [Block] {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.wrapping_add(length);
        if self.held != 0 {
            let (head, others) = bytes.split_at(bytes.len().min(BLOCK - self.held));
            let end = self.held + head.len();
            self.rest[self.held..end].copy_from_slice(head);
            self.held = end;
            if end < BLOCK {
                return &[];
            }
            compress256(&mut self.state, &[self.rest]);
            bytes = others;
        }
        let (blocks, tail) = bytes.as_chunks();
        self.rest[..tail.len()].copy_from_slice(tail);
        self.held = tail.len();
        blocks
    }
}
