// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants of the reference image are rejected, or everything in them can still be read.
//!
//! These are the quick runs; `cargo xtask hostile` makes the full ones.

#![allow(clippy::print_stdout, reason = "counts of a test")]

use daxfs_format::Rule;
use daxfs_hostile::mutate::{self, Counts, Extent};
use daxfs_hostile::reference::reference;

/// Rules that no single word of the reference image can break.
const OUT_OF_REACH: &[Rule] = &[
    // An image without inode section has a different table.
    Rule::SectionMissing,
    // A set whose names are too long together does not fit an image of 64 KiB.
    Rule::XattrList,
];

fn assert_good(counts: &Counts) {
    let Counts {
        mutants,
        rejected,
        contents,
        harmless,
        bad,
        ..
    } = counts;
    println!(
        "{mutants} mutants: {rejected} rejected, {contents} by a digest, {harmless} harmless, {} bad",
        bad.len()
    );
    let some: Vec<_> = bad.iter().take(20).collect();
    assert!(bad.is_empty(), "{} bad: {some:#?}", bad.len());
    assert_eq!(*mutants, rejected + contents + harmless);
}

#[test]
fn mutants_of_single_bytes_and_of_words() {
    let image = reference();
    let mut counts = mutate::bytes(&image, Extent::Quick);
    counts += mutate::boundaries(&image, Extent::Quick);
    assert_good(&counts);
    // Nine in ten findings are in the section that was changed; the others are where two disagree.
    assert!(
        counts.near * 10 >= counts.rejected * 9,
        "{} of {}",
        counts.near,
        counts.rejected
    );
    let unreached: Vec<_> = counts.unreached();
    let expected: Vec<_> = unreached
        .iter()
        .filter(|rule| !OUT_OF_REACH.contains(rule))
        .collect();
    assert!(expected.is_empty(), "no mutant reached {expected:?}");
}

#[test]
fn mutants_that_are_not_sealed() {
    let counts = mutate::unsealed(&reference(), Extent::Quick);
    assert_good(&counts);
    assert_eq!(counts.harmless + counts.contents, 0);
}

/// Two fields of a structure at once, for rules that relate them.
#[test]
fn mutants_of_pairs_of_fields() {
    let pairs = mutate::pairs(&reference(), Extent::Quick);
    assert_eq!(pairs.len(), 10, "kinds of structures");
    for (name, counts) in &pairs {
        println!("{name}:");
        assert!(counts.mutants > 0, "{name}");
        assert_good(counts);
    }
}
