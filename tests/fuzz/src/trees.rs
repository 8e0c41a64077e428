// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees through the tools: `mkdaxfs`, `daxfs-fsck` with all contents, extraction, and a comparison
//! of everything that can be observed of both trees.
//!
//! An input is a byte that selects options, and a description of a tree. Owners and devices need
//! root.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use daxfs_hostile::fuzz::Target;
use daxfs_test_random::Random;
use daxfs_testtree::compare::Differences;
use daxfs_testtree::decode::decode;
use daxfs_testtree::random::{RandomTree, Zeros};
use daxfs_testtree::record;
use daxfs_testtree::replicate::Order;
use mkdaxfs::{Existing, HugeAlign, Keep, Options, PageSize};
use proptest::prelude::*;

/// The target.
pub const TARGET: Target = Target {
    name: "trees",
    run: trees,
    seeds: || {
        (0..16)
            .map(|seed| Random::new(seed).bytes().take(512).collect())
            .collect()
    },
};

/// The largest number of entries of a tree: small enough for hundreds of trees a second.
const ENTRIES: usize = 12;

/// The options of `mkdaxfs` that lay an image out.
#[derive(Clone, Debug)]
pub struct Choice {
    page: PageSize,
    huge: HugeAlign,
    sharing: Keep,
    digests: Keep,
    pack_below: Option<u64>,
}

/// Every choice.
pub fn choices() -> impl Strategy<Value = Choice> {
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

/// Passes the tree that the input describes through the tools.
///
/// # Panics
/// When the tree changes on the way.
pub fn trees(input: &[u8]) {
    let Some((&options, tree)) = input.split_first() else {
        return;
    };
    let work = tempfile::tempdir_in(scratch()).expect("a scratch directory");
    round_trip(&decode(tree, ENTRIES), &Choice::of(options), work.path());
}

impl Choice {
    /// The choice that a byte encodes; a zero encodes the defaults.
    fn of(byte: u8) -> Self {
        let keep = |bit: u8| [Keep::Yes, Keep::No][usize::from(byte >> bit & 1)];
        Self {
            page: [PageSize::K4, PageSize::K16, PageSize::K64, PageSize::K4][usize::from(byte & 3)],
            huge: [HugeAlign::Auto, HugeAlign::Off][usize::from(byte >> 2 & 1)],
            sharing: keep(3),
            digests: keep(4),
            pack_below: [None, Some(0), Some(65_537), None][usize::from(byte >> 5 & 3)],
        }
    }
}

/// The directory for trees: `TMPDIR`, or else the target directory.
///
/// # Panics
/// When the directory cannot be made.
pub fn scratch() -> PathBuf {
    let target = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let directory = env::var_os("TMPDIR").map_or_else(target, PathBuf::from);
    fs::create_dir_all(&directory).expect("a scratch directory");
    directory
}

/// Builds an image twice from two copies that were made in opposite orders, one of them without
/// holes, which must give the same bytes; checks it with all contents; extracts it; and compares.
///
/// # Panics
/// When the tree changes on the way.
pub fn round_trip(tree: &RandomTree, choice: &Choice, work: &Path) {
    let at = |name: &str| work.join(name);
    for (name, order, zeros, threads) in [
        ("a", Order::Forward, Zeros::Holes, 1),
        ("b", Order::Reverse, Zeros::Bytes, 2),
    ] {
        tree.make(&at(name), order, zeros).expect("a tree");
        let image = at(name).with_extension("daxfs");
        mkdaxfs::build(&options(choice, &at(name), &image, threads), &()).expect("an image");
    }
    let read = |name: &str| fs::read(at(name)).expect("an image");
    assert!(
        read("a.daxfs") == read("b.daxfs"),
        "two builds of one tree differ"
    );
    let out = at("out");
    let mut arguments = vec![OsStr::new("--extract"), out.as_os_str()];
    // Without digests there is nothing to verify by, and the request is refused.
    arguments.extend((choice.digests == Keep::Yes).then_some(OsStr::new("--verify-data")));
    fsck(&at("a.daxfs"), &arguments);
    compare(&at("a"), &out);
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
    let mut line: Vec<&OsStr> = ["daxfs-fsck", "--quiet"].map(OsStr::new).into();
    line.extend(arguments);
    line.push(image.as_os_str());
    let options = daxfs_fsck::cli::Options::try_parse_from(line).expect("a command line");
    let status = daxfs_fsck::run::run(&options);
    assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::SUCCESS));
}

fn compare(before: &Path, after: &Path) {
    let read = |tree| record::read(tree).expect("a tree");
    let differences = Differences::after_image(&read(before), &read(after));
    let lines: Vec<_> = differences.lines().collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
