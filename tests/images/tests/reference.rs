// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference image and its variants obey every rule, and all of them can be read.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use daxfs_hostile::examine::Examiner;
use daxfs_hostile::memory::Watched;
use daxfs_hostile::{reference, walk};

fn assert_sound(name: &str, bytes: &[u8]) -> walk::Tally {
    let mut examiner = Examiner::default();
    assert_eq!(examiner.first(bytes), None, "{name}");
    let image = examiner.open(Watched::new(bytes, u64::MAX)).unwrap();
    let report = walk::walk(&image);
    assert_eq!(report.first, None, "{name}");
    assert_eq!(
        report.tally.inodes,
        u64::from(image.inode_count()),
        "{name}"
    );
    report.tally
}

#[test]
fn the_reference_image_is_sound() {
    let bytes = reference::reference();
    let tally = assert_sound("reference", &bytes);
    assert!(
        (48 << 10..=64 << 10).contains(&bytes.len()),
        "{}",
        bytes.len()
    );
    assert!(tally.entries > tally.inodes - 1, "a hard link: {tally:?}");
    assert!(tally.xattrs >= 11, "{tally:?}");
    assert!(tally.segments >= 13, "{tally:?}");
}

#[test]
fn the_variants_are_sound() {
    for (name, bytes) in reference::variants() {
        assert_sound(name, &bytes);
    }
}

/// The writer is deterministic.
#[test]
fn the_writer_gives_the_same_bytes_each_time() {
    assert_eq!(reference::reference(), reference::reference());
}
