// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random trees: every file type, odd names, hard links, attributes, times, holes, and every class
//! of size that a builder treats in a way of its own.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use daxfs_test_random::mix;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::record::{Kind, Record};
use crate::replicate::{self, Order};

/// The description of a tree to be made.
#[derive(Clone, Debug)]
pub struct RandomTree {
    records: Vec<Record>,
    /// The seed of each file's bytes. Equal sizes and seeds make equal contents.
    seeds: BTreeMap<PathBuf, u8>,
}

/// The storage of bytes that are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeros {
    /// Holes, in files that have some.
    Holes,
    /// Bytes, in all files.
    Bytes,
}

impl RandomTree {
    /// The tree of the nodes under a root with these attributes.
    pub(crate) fn of(nodes: &[Node], mtime: (i64, i64), mode: u32) -> Self {
        let mut tree = Self {
            records: vec![Record {
                mtime,
                mode,
                ..blank(PathBuf::new(), Kind::Directory)
            }],
            seeds: BTreeMap::new(),
        };
        let mut taken = HashSet::new();
        for node in nodes {
            plant(&mut tree, node, &mut taken);
        }
        count_links(&mut tree.records);
        tree
    }

    /// Makes the tree in the new directory `target`. Zeros are stored in this way.
    ///
    /// # Errors
    /// When an entry cannot be created; root is needed for owners and devices.
    pub fn make(&self, target: &Path, order: Order, zeros: Zeros) -> Result<()> {
        replicate::make(&self.records, target, order, &|record, file| {
            let seed = self
                .seeds
                .get(&record.first_link)
                .copied()
                .unwrap_or_default();
            if zeros == Zeros::Bytes {
                file.write_all_at(&vec![0; usize::try_from(record.size)?], 0)?;
            }
            fill(file, &record.data, seed)
        })
    }
}

/// Writes bytes that depend on the seed and on their offset.
fn fill(file: &File, ranges: &[(u64, u64)], seed: u8) -> Result<()> {
    for &(start, end) in ranges {
        let bytes = (start..end).map(|at| {
            let [first, ..] = mix(at).to_le_bytes();
            first ^ seed
        });
        file.write_all_at(&bytes.collect::<Vec<u8>>(), start)?;
    }
    Ok(())
}

/// An entry whose directory is not yet chosen.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The index of its directory among those so far, modulo their number.
    pub(crate) parent: usize,
    pub(crate) name: Vec<u8>,
    pub(crate) shape: Shape,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) mtime: (i64, i64),
    pub(crate) user: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) trusted: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Directory,
    Regular {
        size: u64,
        seed: u8,
    },
    /// Units with data and without, and bytes after the last whole unit.
    Sparse {
        unit: u64,
        units: Vec<bool>,
        rest: u64,
        seed: u8,
    },
    Symlink(Vec<u8>),
    Device(Kind, u64),
    Pipe(Kind),
    /// Another name of an earlier file, by its index modulo their number.
    Link(usize),
}

/// Lengths in bytes of the units of sparse files: a page, less than the smallest hole of an image,
/// that hole, and several.
pub(crate) const UNITS: [u64; 4] = [4096, 40_000, 65_536, 200_000];

/// Trees of up to `most` entries.
pub fn trees(most: usize) -> impl Strategy<Value = RandomTree> {
    (vec(node(), 0..=most), mtime(), 0_u32..0o10000)
        .prop_map(|(nodes, mtime, mode)| RandomTree::of(&nodes, mtime, mode))
}

fn node() -> impl Strategy<Value = Node> {
    let attributes = || btree_map(name(), vec(any::<u8>(), 0..40), 0..3);
    let parts = (
        any::<usize>(),
        name(),
        shape(),
        0_u32..0o10000,
        (0_u32..3, 0_u32..70000),
        mtime(),
        attributes(),
        attributes(),
    );
    parts.prop_map(
        |(parent, name, shape, mode, owner, mtime, user, trusted)| Node {
            parent,
            name,
            shape,
            mode,
            owner,
            mtime,
            user,
            trusted,
        },
    )
}

/// Names of any bytes that a name can have; mostly short ones, so that some are equal.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("not in a name", |byte| !matches!(byte, 0 | b'/'));
    let short = vec(byte.clone(), 1..4);
    let long = vec(byte, 200..=245);
    prop_oneof![9 => short, 1 => long]
        .prop_filter("dots", |name| !matches!(&name[..], b"." | b".."))
}

fn shape() -> impl Strategy<Value = Shape> {
    let size = prop_oneof![
        2 => Just(0),
        4 => 1_u64..5000,
        2 => 4090_u64..4110,
        2 => 5000_u64..100_000,
        1 => (2_u64 << 20) - 2..(2 << 20) + 5000,
    ];
    let number = prop_oneof![Just(0x0103_u64), Just(0x0801), Just((0xfff << 8) | 0xff)];
    let device = prop_oneof![Just(Kind::CharDevice), Just(Kind::BlockDevice)];
    let target = vec(any::<u8>().prop_filter("NUL", |&byte| byte != 0), 1..300);
    prop_oneof![
        6 => Just(Shape::Directory),
        8 => (size, 0_u8..3).prop_map(|(size, seed)| Shape::Regular { size, seed }),
        2 => (0..UNITS.len(), vec(any::<bool>(), 1..40), 0_u64..4096, 0_u8..3)
            .prop_map(|(unit, units, rest, seed)| Shape::Sparse {
                unit: UNITS[unit],
                units,
                rest,
                seed,
            }),
        2 => target.prop_map(Shape::Symlink),
        1 => (device, number).prop_map(|(kind, number)| Shape::Device(kind, number)),
        1 => prop_oneof![Just(Kind::Fifo), Just(Kind::Socket)].prop_map(Shape::Pipe),
        2 => any::<usize>().prop_map(Shape::Link),
    ]
}

/// Times that file systems with 34 bits for seconds can hold.
fn mtime() -> impl Strategy<Value = (i64, i64)> {
    (-(1_i64 << 31)..1 << 33, 0_i64..1_000_000_000)
}

fn blank(path: PathBuf, kind: Kind) -> Record {
    Record {
        first_link: path.clone(),
        path,
        kind,
        mode: 0,
        owner: (0, 0),
        mtime: (0, 0),
        rdev: 0,
        size: 0,
        nlink: 1,
        xattrs: BTreeMap::new(),
        target: Vec::new(),
        content: None,
        data: Vec::new(),
        stored: Vec::new(),
    }
}

/// Adds an entry to the tree, unless its name is taken or no file to link to exists.
fn plant(tree: &mut RandomTree, node: &Node, taken: &mut HashSet<PathBuf>) {
    let is_directory = |record: &&Record| record.kind == Kind::Directory;
    let directories: Vec<&Record> = tree.records.iter().filter(is_directory).collect();
    let parent = directories[node.parent % directories.len()];
    let path = parent
        .path
        .join(std::ffi::OsString::from_vec(node.name.clone()));
    // The system calls take no longer paths.
    if path.as_os_str().len() > 3000 || !taken.insert(path.clone()) {
        return;
    }
    let record = match &node.shape {
        Shape::Link(which) => {
            let files: Vec<&Record> = tree.records.iter().filter(|r| !is_directory(r)).collect();
            if files.is_empty() {
                return;
            }
            let first = files[which % files.len()];
            Record {
                path,
                ..first.clone()
            }
        }
        shape => describe(path, node, shape, tree),
    };
    tree.records.push(record);
}

fn describe(path: PathBuf, node: &Node, shape: &Shape, tree: &mut RandomTree) -> Record {
    let kind = match shape {
        Shape::Directory | Shape::Link(_) => Kind::Directory,
        Shape::Regular { .. } | Shape::Sparse { .. } => Kind::Regular,
        Shape::Symlink(_) => Kind::Symlink,
        Shape::Device(kind, _) | Shape::Pipe(kind) => *kind,
    };
    let mut record = Record {
        mode: node.mode,
        owner: node.owner,
        mtime: node.mtime,
        xattrs: xattrs(node, kind),
        ..blank(path, kind)
    };
    match shape {
        Shape::Regular { size, seed } => {
            record.size = *size;
            record.data = vec![(0, *size)];
            tree.seeds.insert(record.path.clone(), *seed);
        }
        Shape::Sparse {
            unit,
            units,
            rest,
            seed,
        } => {
            record.size = units.iter().map(|_| unit).sum::<u64>() + rest;
            let starts = (0..).map(|index| index * unit).zip(units);
            let with_data = starts.filter(|&(_, &data)| data);
            record.data = with_data.map(|(start, _)| (start, start + unit)).collect();
            tree.seeds.insert(record.path.clone(), *seed);
        }
        Shape::Symlink(target) => record.target.clone_from(target),
        Shape::Device(_, number) => record.rdev = *number,
        Shape::Directory | Shape::Pipe(_) | Shape::Link(_) => {}
    }
    record
}

/// Attributes in the namespaces that the kernel allows for the type.
fn xattrs(node: &Node, kind: Kind) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let with = |prefix: &[u8], from: &BTreeMap<Vec<u8>, Vec<u8>>| {
        let full = |(name, value): (&Vec<u8>, &Vec<u8>)| ([prefix, name].concat(), value.clone());
        from.iter().map(full).collect::<BTreeMap<_, _>>()
    };
    let mut all = with(b"trusted.", &node.trusted);
    if matches!(kind, Kind::Regular | Kind::Directory) {
        all.extend(with(b"user.", &node.user));
    }
    all
}

fn count_links(records: &mut [Record]) {
    let mut counts: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for record in records.iter() {
        *counts.entry(record.first_link.clone()).or_default() += 1;
    }
    for record in records {
        record.nlink = counts.get(&record.first_link).copied().unwrap_or(1);
    }
}
