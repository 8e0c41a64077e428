// SPDX-License-Identifier: MIT OR Apache-2.0
//! The compression function by the SHA instructions of x86, for several messages at once.
//!
//! An instruction does two rounds of one message, and depends on the one before it. Instructions
//! for the other messages fill the time between. The names are those of FIPS 180-4. The
//! instructions take the words of the state in the order `ABEF` and `CDGH`, from the highest to the
//! lowest.

use std::arch::is_x86_feature_detected;
use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi32, _mm_shuffle_epi8,
};

use crate::{Block, State, BLOCK};

/// The constants K of the rounds, four a row.
const K: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// Proof that the processor has the instructions.
///
/// # Invariants
/// A value exists only if the processor has the features for which [`compress`] is compiled.
#[derive(Clone, Copy)]
pub(crate) struct Instructions(());

impl Instructions {
    /// The instructions, if the processor has them.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse2")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has_all.then_some(Self(()))
    }

    /// Compresses the blocks of each message into its state. All messages have equally many blocks.
    #[allow(
        unsafe_code,
        reason = "a function that is compiled for features that not every processor has"
    )]
    pub(crate) fn compress<const N: usize>(self, states: &mut [State; N], messages: [&[Block]; N]) {
        // SAFETY: `compress` is unsafe to call only because it is compiled for the features sha,
        // sse2, ssse3 and sse4.1. The invariant of `Self` is that the processor has all of them.
        unsafe { compress(states, messages) }
    }
}

/// Does the rounds of each row of constants for each lane. The unrolled form is a tenth faster than
/// a loop.
macro_rules! rounds {
    ($lanes:ident.$rounds:ident: $($row:literal)*) => {$(
        for lane in &mut $lanes {
            lane.$rounds(K[$row]);
        }
    )*};
}

/// The state of one message in registers.
#[derive(Clone, Copy)]
struct Registers {
    abef: __m128i,
    cdgh: __m128i,
    /// The words of the schedule for the next sixteen rounds.
    words: [__m128i; 4],
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const N: usize>(states: &mut [State; N], messages: [&[Block]; N]) {
    let mut lanes = [Registers::empty(); N];
    for (lane, state) in lanes.iter_mut().zip(&*states) {
        lane.load_state(state);
    }
    let count = messages
        .iter()
        .map(|blocks| blocks.len())
        .min()
        .unwrap_or(0);
    for at in 0..count {
        let before = lanes;
        for (lane, blocks) in lanes.iter_mut().zip(messages) {
            lane.words = words(&blocks[at]);
        }
        rounds!(lanes.rounds_and_schedule: 0 1 2 3 4 5 6 7 8 9 10 11);
        rounds!(lanes.last_rounds: 12 13 14 15);
        for (lane, before) in lanes.iter_mut().zip(before) {
            lane.abef = _mm_add_epi32(lane.abef, before.abef);
            lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
        }
    }
    for (lane, state) in lanes.iter().zip(states) {
        *state = lane.state();
    }
}

impl Registers {
    #[target_feature(enable = "sse2")]
    fn empty() -> Self {
        Self {
            abef: _mm_setzero_si128(),
            cdgh: _mm_setzero_si128(),
            words: [_mm_setzero_si128(); 4],
        }
    }

    #[target_feature(enable = "sse2")]
    fn load_state(&mut self, &[a, b, c, d, e, f, g, h]: &State) {
        self.abef = four([f, e, b, a]);
        self.cdgh = four([h, g, d, c]);
    }

    #[target_feature(enable = "sse4.1")]
    fn state(&self) -> State {
        let ([f, e, b, a], [h, g, d, c]) = (numbers(self.abef), numbers(self.cdgh));
        [a, b, c, d, e, f, g, h]
    }

    /// Four rounds with the first four words of the schedule. After two rounds, `ABEF` has become
    /// `CDGH`, so the two swap their roles.
    #[inline]
    #[target_feature(enable = "sha,sse2")]
    fn four_rounds(&mut self, k: [u32; 4]) {
        let words = _mm_add_epi32(self.words[0], four(k));
        self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, words);
        let words = _mm_shuffle_epi32::<0b1110>(words);
        self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, words);
    }

    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3")]
    fn rounds_and_schedule(&mut self, k: [u32; 4]) {
        self.four_rounds(k);
        self.schedule();
    }

    /// Four of the last rounds, whose words are all known.
    #[inline]
    #[target_feature(enable = "sha,sse2")]
    fn last_rounds(&mut self, k: [u32; 4]) {
        self.four_rounds(k);
        self.words.rotate_left(1);
    }

    /// Replaces the first four words of the schedule by those that follow the last four.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3")]
    fn schedule(&mut self) {
        let [first, second, third, fourth] = self.words;
        let seven_back = _mm_alignr_epi8::<4>(fourth, third);
        let next = _mm_add_epi32(_mm_sha256msg1_epu32(first, second), seven_back);
        self.words = [second, third, fourth, _mm_sha256msg2_epu32(next, fourth)];
    }
}

/// The sixteen words of a block, which holds them in big-endian order.
#[inline]
#[target_feature(enable = "sse2,ssse3")]
fn words(block: &Block) -> [__m128i; 4] {
    let mut words = [_mm_setzero_si128(); 4];
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    for (to, bytes) in words.iter_mut().zip(block.as_chunks::<{ BLOCK / 4 }>().0) {
        let number = |half: &[u8; 8]| i64::from_le_bytes(*half);
        if let ([low, high], []) = bytes.as_chunks() {
            *to = _mm_shuffle_epi8(_mm_set_epi64x(number(high), number(low)), swap);
        }
    }
    words
}

/// Four numbers in a register, the first in its lowest bits.
#[inline]
#[target_feature(enable = "sse2")]
fn four([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(
        d.cast_signed(),
        c.cast_signed(),
        b.cast_signed(),
        a.cast_signed(),
    )
}

/// The four numbers in a register.
#[inline]
#[target_feature(enable = "sse4.1")]
fn numbers(register: __m128i) -> [u32; 4] {
    [
        _mm_extract_epi32::<0>(register),
        _mm_extract_epi32::<1>(register),
        _mm_extract_epi32::<2>(register),
        _mm_extract_epi32::<3>(register),
    ]
    .map(i32::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write as _};

    use sha2::block_api::compress256;

    fn agree<const N: usize>(instructions: Instructions, blocks: usize) {
        let byte = |message: usize, at: usize| (message * 41 + at * 7 + at / 64 * 13) & 0xff;
        let messages: [Vec<Block>; N] = std::array::from_fn(|message| {
            let block = |number: usize| {
                std::array::from_fn(|at| u8::try_from(byte(message, number * 64 + at)).unwrap())
            };
            (0..blocks).map(block).collect()
        });
        let mut states: [State; N] = std::array::from_fn(|message| {
            let word = u32::try_from(message).unwrap().wrapping_mul(0x9e37_79b9);
            crate::INITIAL.map(|initial| initial ^ word)
        });
        let mut expected = states;
        for (state, blocks) in expected.iter_mut().zip(&messages) {
            compress256(state, blocks);
        }
        instructions.compress(&mut states, messages.each_ref().map(Vec::as_slice));
        assert_eq!(states, expected, "{N} messages of {blocks} blocks");
    }

    #[test]
    fn lanes_do_not_disturb_each_other() {
        let Some(instructions) = Instructions::detect() else {
            // Nothing can be compared; `lanes` works without. The message goes past the harness,
            // which hides the output of a test that passes.
            let _ = writeln!(
                io::stdout(),
                "not tested: the processor has no SHA instructions"
            );
            return;
        };
        for blocks in [0, 1, 2, 3, 17, 64] {
            agree::<1>(instructions, blocks);
            agree::<2>(instructions, blocks);
            agree::<3>(instructions, blocks);
            agree::<4>(instructions, blocks);
        }
    }
}
