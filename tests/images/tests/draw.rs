// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drawn mutants can be drawn again, and every stage finds some.

#![allow(clippy::print_stdout, reason = "counts of a test")]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeMap;

use daxfs_hostile::draw::Drawer;
use daxfs_hostile::examine::{Examiner, Stage};
use daxfs_hostile::reference::reference;

#[test]
fn a_seed_gives_the_same_mutants_again_and_no_two_seeds_do() {
    let (one, two) = (Drawer::default(), Drawer::default());
    let first = u64::try_from(one.classes()).unwrap();
    let mut same = 0;
    for number in first..first + 50 {
        assert_eq!(one.draw(7, number), two.draw(7, number));
        same += u64::from(one.draw(7, number) == one.draw(8, number));
        assert_ne!(one.draw(7, number).bytes, reference());
    }
    assert_eq!(same, 0);
}

#[test]
fn mutants_are_found_by_every_stage_and_some_are_accepted() {
    let drawer = Drawer::default();
    let mut examiner = Examiner::default();
    let mut found: BTreeMap<Option<Stage>, u64> = BTreeMap::new();
    for number in 0..3000 {
        let mutant = drawer.draw(1, number);
        let verdict = examiner.accept(&mutant.bytes[..]);
        *found
            .entry(verdict.err().map(|(stage, _)| stage))
            .or_default() += 1;
    }
    println!("{found:?}");
    for stage in [
        None,
        Some(Stage::Open),
        Some(Stage::Checksums),
        Some(Stage::Structure),
    ] {
        assert!(
            found.get(&stage).is_some_and(|&count| count >= 10),
            "{found:?}"
        );
    }
    // Most mutants must be read further than the superblock, or a run would prove little.
    assert!(found[&Some(Stage::Open)] < 1500, "{found:?}");
    assert!(found[&None] >= 300, "{found:?}");
}
