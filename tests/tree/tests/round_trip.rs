// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random trees survive the way into an image and out again, whatever the options of the builder.
//!
//! Each case builds an image twice from two copies that were made in opposite orders, which must
//! give the same bytes; checks it with all contents; extracts it; and compares everything that can
//! be observed. `PROPTEST_CASES` says how many cases there are. Owners and devices want root.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::Path;

use daxfs_image::format::{FileData, InodeKind};
use daxfs_testtree::compare::{Aspect, Differences, ASPECTS};
use daxfs_testtree::random::{self, RandomTree};
use daxfs_testtree::record;
use daxfs_testtree::replicate::Order;
use mkdaxfs::{Existing, HugeAlign, Keep, Options, PageSize};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Choice {
    page: PageSize,
    huge: HugeAlign,
    sharing: Keep,
    digests: Keep,
    pack_below: Option<u64>,
}

fn choices() -> impl Strategy<Value = Choice> {
    let keep = || prop_oneof![3 => Just(Keep::Yes), 1 => Just(Keep::No)];
    (
        prop_oneof![4 => Just(PageSize::K4), 1 => Just(PageSize::K16), 1 => Just(PageSize::K64)],
        prop_oneof![Just(HugeAlign::Auto), Just(HugeAlign::Off)],
        keep(),
        keep(),
        prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(65_537))],
    )
        .prop_map(|(page, huge, sharing, digests, pack_below)| Choice {
            page,
            huge,
            sharing,
            digests,
            pack_below,
        })
}

fn options(choice: &Choice, source: &Path, image: &Path, threads: usize) -> Options {
    Options {
        page: choice.page,
        huge_align: choice.huge,
        sharing: choice.sharing,
        digests: choice.digests,
        pack_below: choice.pack_below,
        existing: Existing::Replace,
        threads: NonZeroUsize::new(threads),
        ..Options::new(source, image)
    }
}

fn fsck(image: &Path, arguments: &[&OsStr]) {
    use clap::Parser as _;
    let mut line: Vec<&OsStr> = ["daxfs-fsck", "--quiet"].map(OsStr::new).into();
    line.extend(arguments);
    line.push(image.as_os_str());
    let options = daxfs_fsck::cli::Options::try_parse_from(line).unwrap();
    let status = daxfs_fsck::run::run(&options);
    assert_eq!(
        format!("{status:?}"),
        format!("{:?}", std::process::ExitCode::SUCCESS)
    );
}

fn round_trip(tree: &RandomTree, choice: &Choice) {
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| work.path().join(name);
    for (name, order, threads) in [("a", Order::Forward, 1), ("b", Order::Reverse, 2)] {
        tree.make(&at(name), order).unwrap();
        let image = at(name).with_extension("daxfs");
        mkdaxfs::build(&options(choice, &at(name), &image, threads), &()).unwrap();
    }
    let (a, b) = (
        std::fs::read(at("a.daxfs")).unwrap(),
        std::fs::read(at("b.daxfs")).unwrap(),
    );
    assert!(a == b, "two builds of one tree differ");
    let out = at("out");
    let mut arguments = vec![OsStr::new("--extract"), out.as_os_str()];
    // Without digests there is nothing to verify by, and the request is refused.
    arguments.extend((choice.digests == Keep::Yes).then_some(OsStr::new("--verify-data")));
    fsck(&at("a.daxfs"), &arguments);
    let differences = Differences::between(
        &record::read(&at("a")).unwrap(),
        &record::read(&out).unwrap(),
    );
    // A hole that is smaller than the image's pages becomes zeros.
    let holes = choice.page == PageSize::K4;
    let aspects = ASPECTS
        .into_iter()
        .filter(|&aspect| holes || aspect != Aspect::Holes);
    let found = aspects
        .map(|aspect| differences.count(aspect))
        .sum::<usize>();
    let lines: Vec<_> = differences.lines().collect();
    assert_eq!(found, 0, "{}", lines.join("\n"));
}

/// 64 cases in the quick loop; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(64),
        // A failure prints its input whole; there is nothing to be kept beside it.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn trees_survive(tree in random::trees(40), choice in choices()) {
        round_trip(&tree, &choice);
    }
}

/// A file with a hole was taken for dense where the file system keeps attributes in a block of their
/// own: that block made up for the hole in `st_blocks`.
#[test]
fn attributes_do_not_hide_a_hole() {
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (source, image) = (work.path().join("tree"), work.path().join("image"));
    std::fs::create_dir(&source).unwrap();
    let file = std::fs::File::create(source.join("file")).unwrap();
    file.set_len(4097).unwrap();
    file.write_all_at(&[1; 4096], 0).unwrap();
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
