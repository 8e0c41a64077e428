// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever word changes between whichever loads, readers end, and stay inside the image.

use daxfs_hostile::reference::reference;
use daxfs_hostile::refetch;

#[test]
fn every_word_changes_at_every_load() {
    let image = reference();
    let outcomes = refetch::enumerate_all(&image);
    for (name, outcome) in &outcomes {
        println!("{name}: {outcome:?}");
        assert!(outcome.runs > outcome.loads, "{name}: {outcome:?}");
    }
    assert_eq!(outcomes.len(), 17, "every operation of a reader");
    let open = outcomes.iter().find(|(name, _)| *name == "open");
    // What has been validated is not read again: the superblock is loaded once.
    assert_eq!(open.map(|(_, outcome)| outcome.most), Some(1));
}
