// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holes: decided by contents, whatever storage a source's file system has given to them.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use daxfs_image::format::{FileData, InodeKind, Timestamp};
use daxfs_image::FileImage;
use mkdaxfs::{Keep, Mtime, Options, Overrides};
use rustix::fs::{fallocate, FallocateFlags};
use support::{check, inode, noise, Scene};

/// Ways to store a file's zeros. None of them may show in the image.
#[derive(Clone, Copy, Debug)]
enum Storage {
    /// As holes.
    Holes,
    /// As bytes, in the order in which a copy writes them.
    Bytes,
    /// As reserved extents, which have not been written.
    Reserved,
    /// As reserved extents, every second block of which has been written.
    Mixed,
    /// As reserved extents that have been read: the page cache has pages of them.
    Read,
}

const STORAGES: [Storage; 5] = [
    Storage::Holes,
    Storage::Bytes,
    Storage::Reserved,
    Storage::Mixed,
    Storage::Read,
];

/// Length in bytes of the smallest hole.
const BLOCK: u64 = 64 << 10;

/// Makes a file of zeros, but for some bytes.
fn store(path: &Path, storage: Storage, size: u64, bytes: &[u64]) {
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .unwrap();
    file.set_len(size).unwrap();
    match storage {
        Storage::Holes => {}
        Storage::Bytes => file
            .write_all_at(&vec![0; usize::try_from(size).unwrap()], 0)
            .unwrap(),
        Storage::Reserved | Storage::Mixed | Storage::Read => {
            fallocate(&file, FallocateFlags::empty(), 0, size).unwrap();
        }
    }
    if matches!(storage, Storage::Mixed) {
        let zeros = [0; 65536];
        for start in (0..size).step_by(2 * 65536) {
            let length = usize::try_from((size - start).min(BLOCK)).unwrap();
            file.write_all_at(&zeros[..length], start).unwrap();
        }
    }
    for &at in bytes {
        file.write_all_at(b"x", at).unwrap();
    }
    file.sync_all().unwrap();
    if matches!(storage, Storage::Read) {
        std::io::copy(&mut &file, &mut std::io::sink()).unwrap();
    }
}

/// Sizes and bytes other than zero, with the holes that the image has: at every limit of the rule.
fn contents_with_zeros() -> Vec<(u64, Vec<u64>, u64)> {
    const HUGE: u64 = 2 << 20;
    let each = |first: u64, last: u64| (first..last).map(|n| n * BLOCK).collect::<Vec<_>>();
    let quarter = [each(0, 24), vec![HUGE - 1]].concat();
    vec![
        // Files of at most four blocks have no holes.
        (1, vec![], 0),
        (4 * BLOCK, vec![], 0),
        (4 * BLOCK + 1, vec![], 4 * BLOCK + 1),
        (1 << 20, vec![0], (1 << 20) - BLOCK),
        // One byte at either end of a block keeps it.
        (
            1 << 20,
            vec![0, 3 * BLOCK - 1, 5 * BLOCK],
            (1 << 20) - 3 * BLOCK,
        ),
        (
            1 << 20,
            vec![2 * BLOCK - 1, 2 * BLOCK],
            (1 << 20) - 2 * BLOCK,
        ),
        // The last block may be short.
        (5 * BLOCK + 7, vec![5 * BLOCK + 6], 5 * BLOCK),
        (5 * BLOCK + 7, vec![0], 4 * BLOCK + 7),
        // A quarter of the file is a hole, and hardly less is none.
        (8 * BLOCK, each(0, 6), 2 * BLOCK),
        (8 * BLOCK, each(0, 7), 0),
        (8 * BLOCK + 4, each(0, 6), 2 * BLOCK + 4),
        (8 * BLOCK - 4, each(0, 6), 0),
        (9 * BLOCK, each(0, 7), 0),
        // The same for each 2 MiB.
        (HUGE, each(0, 24), HUGE / 4),
        (HUGE, quarter.clone(), 0),
        (3 * HUGE, quarter, 2 * HUGE),
        (3 * HUGE, each(0, 24), 2 * HUGE + HUGE / 4),
        (2 * HUGE, each(0, 48), HUGE / 2),
        (2 * HUGE, each(0, 49), 0),
        (4 * HUGE, each(0, 96), HUGE),
        (4 * HUGE + 1, each(0, 96), HUGE + 1),
        (4 * HUGE + 9, each(0, 97), 0),
    ]
}

#[test]
fn holes_depend_on_contents_and_not_on_storage() {
    let mut images = Vec::new();
    for storage in STORAGES {
        let scene = Scene::new();
        for (number, (size, bytes, _)) in contents_with_zeros().into_iter().enumerate() {
            store(
                &scene.source().join(number.to_string()),
                storage,
                size,
                &bytes,
            );
        }
        let options = Options {
            overrides: Overrides {
                mtime: Mtime::Set(Timestamp {
                    seconds: 0,
                    nanoseconds: 0,
                }),
                ..Default::default()
            },
            ..scene.options()
        };
        support::build(&options);
        let image = check(&scene.image(), Keep::Yes);
        for (number, (size, _, holes)) in contents_with_zeros().into_iter().enumerate() {
            let found = holes_of(&image, number.to_string().as_bytes());
            assert_eq!(found, holes, "{storage:?}: {number}, {size} bytes");
        }
        images.push((storage, fs::read(scene.image()).unwrap()));
    }
    for (storage, image) in &images {
        assert!(*image == images[0].1, "{storage:?}");
    }
}

/// Number of bytes in the holes of a file in an image.
fn holes_of(image: &FileImage, path: &[u8]) -> u64 {
    let inode = inode(image, path);
    let InodeKind::Regular(data) = &inode.kind else {
        panic!("not a file");
    };
    let (mut at, mut holes) = (0, 0);
    while let Some(segment) = image.segment(data, inode.size, at).unwrap() {
        if segment.data.is_none() {
            holes += segment.end - at;
        }
        at = segment.end;
    }
    holes
}

#[test]
fn a_file_may_have_terabytes_of_holes() {
    let scene = Scene::new();
    let make = |name: &str, size: u64, writes: &[(u64, &[u8])]| {
        let file = File::create(scene.source().join(name)).unwrap();
        file.set_len(size).unwrap();
        for (offset, bytes) in writes {
            file.write_all_at(bytes, *offset).unwrap();
        }
    };
    let mib = noise(5, 1 << 20);
    make("only holes", 1 << 40, &[]);
    make(
        "over 4 GiB",
        (5 << 30) + 17,
        &[(0, b"start"), ((4 << 30) + 5, &mib), ((5 << 30) + 16, b"e")],
    );
    make(
        "many",
        300 * 2 * BLOCK,
        &(0..300)
            .map(|n| (n * 2 * BLOCK, &b"x"[..]))
            .collect::<Vec<_>>(),
    );
    make("tail", 1_000_000, &[(0, b"data")]);
    make("equal", 1_000_000, &[(0, b"data")]);
    make("no hole", 1_000_000, &[(0, &noise(6, 1_000_000))]);
    let summary = scene.build();
    assert_eq!(summary.sparse_files, 5);
    assert!(summary.image_bytes < 24 << 20, "{}", summary.image_bytes);
    let image = check(&scene.image(), Keep::Yes);
    let InodeKind::Regular(FileData::Sparse(list)) = inode(&image, b"over 4 GiB").kind else {
        panic!("not sparse");
    };
    assert_eq!(list.count(), 3);
}
