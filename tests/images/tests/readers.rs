// SPDX-License-Identifier: MIT OR Apache-2.0
//! The refusals of readers on an image that was not checked, and fsck's findings after the first.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::ops::ControlFlow;

use daxfs_format::{FileData, Image, InodeKind, Object, Rule};
use daxfs_hostile::classes::{all, located, Class};
use daxfs_hostile::examine::Examiner;
use daxfs_hostile::memory::Watched;
use daxfs_hostile::reference::reference;
use daxfs_hostile::walk::{walk, Problem};
use daxfs_image::hash::Xxh64;

fn class(name: &str) -> &'static Class {
    all().find(|class| class.name == name).unwrap()
}

/// Each rule that readers check by themselves.
#[test]
fn readers_refuse_what_they_can_see() {
    let names = [
        "inode-type-zero",
        "inode-layout-unknown",
        "inode-reserved-byte",
        "space-unknown",
        "owner-is-nobody",
        "links-zero",
        "nanoseconds-of-a-second",
        "count-of-a-file",
        "device-number-of-a-file",
        "content-missing",
        "size-negative",
        "size-past-the-data",
        "offset-that-wraps",
        "xattrs-of-all-ones",
        "set-past-its-section",
        "attribute-past-its-set",
        "namespace-unknown",
        "attribute-value-too-long",
        "attribute-names-too-many",
        "attribute-name-with-nul",
        "unit-past-its-section",
        "entries-too-many",
        "entry-inode-zero",
        "entry-type-of-another",
        "parent-is-another",
        "directory-in-two-directories",
        "directory-in-itself",
        "root-named-by-an-entry",
        "name-is-a-slash",
        "name-is-dot-dot",
        "name-past-the-unit",
        "target-with-nul",
        "target-past-its-section",
        "extent-in-metadata",
        "extent-reserved",
        "digest-algorithm-unknown",
        "tail-of-a-file",
        "tail-end-of-a-file",
        "tail-of-an-extent",
    ];
    for class in names.map(class) {
        let case = class.build();
        let image = Examiner::default().open(&case.bytes[..]).unwrap();
        let problem = walk(&image).first;
        let Some(Problem::Unreadable(error)) = &problem else {
            panic!("{}: {problem:?}", class.name);
        };
        assert_eq!(
            located(error).unwrap().0,
            class.rule,
            "{}: {error}",
            class.name
        );
    }
}

/// Views of one image need memory that holds all of it, each of them.
#[test]
fn a_superblock_of_before_does_not_open_what_was_cut_off() {
    let bytes = reference();
    let mut examiner = Examiner::default();
    let image = examiner.open(&bytes[..]).unwrap();
    let superblock = image.superblock();
    let open = |bytes| Image::<&[u8], Xxh64>::with_superblock(bytes, superblock.clone());
    assert!(open(&bytes[..]).is_ok());
    let longer = [&bytes[..], &[0]].concat();
    assert!(open(&longer).is_ok());
    let error = open(&bytes[..bytes.len() - 1]).err().unwrap();
    assert_eq!(
        located(&error),
        Some((Rule::ImageTruncated, Object::Superblock))
    );
}

/// A walk over a sparse file's segments may begin anywhere, in a hole and in an extent.
#[test]
fn a_walk_over_pieces_may_begin_anywhere() {
    let bytes = reference();
    let image = Examiner::default().open(&bytes[..]).unwrap();
    let (mut holes, mut extents) = (0, 0);
    for inode in image.inode_numbers().map(|ino| image.inode(ino).unwrap()) {
        let InodeKind::Regular(data @ FileData::Sparse(_)) = inode.kind else {
            continue;
        };
        let segments = |offset| {
            let mut walk = image.segments(&data, inode.size, offset).unwrap();
            let mut segments = Vec::new();
            while let Some(segment) = image.next_segment(&mut walk).unwrap() {
                segments.push(segment);
            }
            segments
        };
        let whole = segments(0);
        for (index, segment) in whole.iter().enumerate() {
            for offset in [
                segment.start,
                segment.start.midpoint(segment.end),
                segment.end - 1,
            ] {
                let rest = segments(offset);
                assert_eq!(rest[1..], whole[index + 1..], "at {offset}");
                let asked_for = segment.data.map(|data| data + offset - segment.start);
                assert_eq!(
                    (rest[0].end, rest[0].data),
                    (segment.end, asked_for),
                    "at {offset}"
                );
            }
            *if segment.data.is_some() {
                &mut extents
            } else {
                &mut holes
            } += 1;
        }
    }
    assert!(holes > 0 && extents > 0, "{holes} holes, {extents} extents");
}

/// A mount does not check the structure: whatever is wrong, readers terminate, and stay inside the
/// image.
#[test]
fn readers_survive_every_class() {
    for class in all() {
        let case = class.build();
        let memory = Watched::new(&case.bytes, 1 << 20);
        if let Ok(image) = Examiner::default().open(&memory) {
            let _ = walk(&image);
            assert!(memory.loads().0 < 1 << 20, "{}: no end", class.name);
        }
    }
}

/// A check that continues after the first finding reports the root too.
#[test]
fn a_root_with_a_name_is_found_twice() {
    let case = class("root-named-by-an-entry").build();
    let mut examiner = Examiner::default();
    let image = examiner.open(&case.bytes[..]).unwrap();
    let mut found = Vec::new();
    let mut sink = |finding: daxfs_format::Finding| {
        found.push((finding.rule, finding.object));
        ControlFlow::Continue(())
    };
    examiner.structure(&image, &mut sink).unwrap();
    assert!(
        found.contains(&(Rule::RootInode, Object::Inode(1))),
        "{found:?}"
    );
}
