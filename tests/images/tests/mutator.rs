// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mutator that knows an image's structure; the corpora are run by `tests/fuzz`.

use daxfs_hostile::fuzz::mutate_image;
use daxfs_hostile::reference::variants;
use daxfs_test_random::mix;

/// The mutator accepts any bytes, and changes most images.
#[test]
fn the_mutator_takes_any_input() {
    let mut changed = 0;
    for (_, image) in variants() {
        for length in [0, 1, 4095, 4096, 4097, image.len()] {
            for seed in 0..200_u64 {
                let mut mutant = image[..length].to_vec();
                mutate_image(&mut mutant, mix(seed), &[0xa5; 64]);
                changed += u32::from(length == image.len() && mutant != image);
            }
        }
    }
    assert!(changed > 1000, "{changed} of 1800");
}
