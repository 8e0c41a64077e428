// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same hashes as `sha2` has, whatever the messages are and however they come.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use daxfs_sha256::{update_all, Sha256};
use proptest::prelude::*;
use sha2::Digest as _;

fn message(seed: usize, length: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((seed * 131 + at * 31 + at / 251) & 0xff).unwrap();
    (0..length).map(byte).collect()
}

fn expected(message: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(message).into()
}

fn at_once(messages: &[Vec<u8>]) -> Vec<[u8; 32]> {
    let mut hashes = vec![Sha256::new(); messages.len()];
    update_all(hashes.iter_mut().zip(messages.iter().map(Vec::as_slice)));
    hashes.into_iter().map(Sha256::finish).collect()
}

/// The example of FIPS 180-4.
#[test]
fn the_specified_function() {
    let mut hash = Sha256::default();
    hash.update(b"abc");
    assert_eq!(hash.finish()[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn every_length_up_to_five_blocks_alone_and_cut_in_two() {
    for length in 0..=320 {
        let message = message(1, length);
        for cut in 0..=length {
            let mut hash = Sha256::new();
            hash.update(&message[..cut]);
            hash.update(&message[cut..]);
            assert_eq!(hash.finish(), expected(&message), "{cut} of {length}");
        }
    }
}

#[test]
fn every_number_of_equal_messages() {
    for count in 0..=13 {
        for length in [0, 1, 55, 56, 63, 64, 65, 1000, 4096] {
            let messages: Vec<_> = (0..count).map(|seed| message(seed, length)).collect();
            let alone: Vec<_> = messages.iter().map(|one| expected(one)).collect();
            assert_eq!(at_once(&messages), alone, "{count} of {length} bytes");
        }
    }
}

#[test]
fn every_pair_of_lengths_up_to_three_blocks() {
    for first in 0..=192 {
        for second in 0..=192 {
            let messages = [message(1, first), message(2, second)];
            let alone = messages.each_ref().map(|one| expected(one));
            assert_eq!(at_once(&messages), alone, "{first} and {second} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn messages_in_pieces(
        pieces in proptest::collection::vec(
            proptest::collection::vec((0_usize..9, 0_usize..700), 0..9),
            0..5,
        ),
    ) {
        let mut whole = vec![Vec::new(); 9];
        let mut hashes = vec![Sha256::new(); 9];
        for (round, mut pieces) in pieces.into_iter().enumerate() {
            pieces.sort_unstable();
            pieces.dedup_by_key(|(to, _)| *to);
            let bytes: Vec<_> = pieces.iter().map(|&(to, length)| message(to + round, length)).collect();
            for (&(to, _), bytes) in pieces.iter().zip(&bytes) {
                whole[to].extend_from_slice(bytes);
            }
            let mut next = pieces.iter().zip(&bytes).peekable();
            let taken = hashes.iter_mut().enumerate().filter_map(|(at, hash)| {
                let (_, bytes) = next.next_if(|((to, _), _)| *to == at)?;
                Some((hash, bytes.as_slice()))
            });
            update_all(taken);
        }
        for (hash, whole) in hashes.into_iter().zip(&whole) {
            prop_assert_eq!(hash.finish(), expected(whole));
        }
    }
}
