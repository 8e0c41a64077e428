// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every input that fuzzing has kept, and every input with which it begins, still does no harm.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;
use std::path::Path;

use daxfs_hostile::fuzz::{mutate_image, TARGETS};
use daxfs_hostile::reference::variants;

#[test]
fn the_corpus_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for target in TARGETS {
        let mut inputs = (target.seeds)();
        for entry in fs::read_dir(corpus.join(target.name)).unwrap() {
            inputs.push(fs::read(entry.unwrap().path()).unwrap());
        }
        assert!(
            inputs.len() > (target.seeds)().len(),
            "no corpus for {}",
            target.name
        );
        for input in &inputs {
            (target.run)(input);
        }
    }
}

/// Whatever it is given, the mutator changes an image within its bounds, and changes most of them.
#[test]
fn the_mutator_takes_any_input() {
    let mut changed = 0;
    for (_, image) in variants() {
        for length in [0, 1, 4095, 4096, 4097, image.len()] {
            for seed in 0..200_u64 {
                let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut mutant = image[..length].to_vec();
                mutate_image(&mut mutant, random, &[0xa5; 64]);
                changed += u32::from(length == image.len() && mutant != image);
            }
        }
    }
    assert!(changed > 1000, "{changed} of 1800");
}
