// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random trees are unchanged after a round trip through an image, for all options of the builder.
//!
//! Each case builds an image twice from two copies that were made in opposite orders, one of them
//! without holes, which must give the same bytes; checks it with all contents; extracts it; and compares everything that can
//! be observed. `PROPTEST_CASES` sets the number of cases, `TMPDIR` the directory for the trees.
//! Owners and devices need root.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::os::unix::fs::FileExt;

use daxfs_fuzztargets::trees::{choices, round_trip, scratch};
use daxfs_image::format::{FileData, InodeKind};
use daxfs_testtree::random;
use mkdaxfs::Options;
use proptest::prelude::*;

/// 64 cases by default; `PROPTEST_CASES` sets another number.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(64),
        // A failure prints its whole input, so no file of regressions is kept.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn trees_survive(tree in random::trees(40), choice in choices()) {
        let work = tempfile::tempdir_in(scratch()).unwrap();
        round_trip(&tree, &choice, work.path());
    }
}

/// Attributes that take a block of their own add to the storage of a file. They change no hole.
#[test]
fn attributes_do_not_hide_a_hole() {
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (source, image) = (work.path().join("tree"), work.path().join("image"));
    std::fs::create_dir(&source).unwrap();
    let file = std::fs::File::create(source.join("file")).unwrap();
    file.set_len(400_000).unwrap();
    file.write_all_at(&[1; 200_000], 0).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::fsetxattr(&file, "user.long", &[0; 300], flags).unwrap();
    mkdaxfs::build(&Options::new(&source, &image), &()).unwrap();
    let image = daxfs_image::file::open(&image).unwrap();
    let inode = daxfs_image::path::resolve(&image, b"file").unwrap();
    assert!(
        matches!(inode.kind, InodeKind::Regular(FileData::Sparse(_))),
        "{:?}",
        inode.kind
    );
}
