// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings, which validate names in their own way and must continue from any cookie.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use daxfs_format::{Cookie, Directory, Image, InodeKind, ListBuf, Memory, Result, Rule};
use daxfs_hostile::classes::{all, located};
use daxfs_hostile::collide::names_with_hash;
use daxfs_hostile::examine::Examiner;
use daxfs_hostile::memory::Watched;
use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::hash::Xxh64;

/// An image with these names in its root.
fn image_of<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> Vec<u8> {
    let mut tree = Tree::new(Form::default());
    for name in names {
        tree.add(ROOT, name, Body::Fifo);
    }
    tree.write()
}

fn root<M: Memory>(image: &Image<M, Xxh64>) -> Directory {
    let root = image.inode(image.superblock().root()).unwrap();
    let InodeKind::Directory(directory) = root.kind else {
        panic!("the root is {root:?}");
    };
    directory
}

/// Lists from a cookie to the end, or to the first error.
fn list<M: Memory>(
    image: &Image<M, Xxh64>,
    directory: &Directory,
    cookie: Cookie,
) -> Result<Vec<(Cookie, Vec<u8>)>> {
    let mut position = image.seek(directory, cookie)?;
    let (mut found, mut buffer) = (Vec::new(), ListBuf::new());
    while let Some(listed) = image.next_entry(directory, &mut position, &mut buffer)? {
        found.push((listed.cookie, listed.name.to_vec()));
    }
    Ok(found)
}

/// The names of directories; in some of them several have one hash: the first, the last, or one
/// among others.
fn directories() -> Vec<Vec<Vec<u8>>> {
    let plain = (0..100).map(|index| format!("name {index}").into_bytes());
    let alike = |hash| names_with_hash(hash).take(3).map(Vec::from);
    let mut all = vec![Vec::new(), vec![b"one".to_vec()], plain.clone().collect()];
    for hash in [0, 0x8000_0000, u32::MAX] {
        all.push(plain.clone().chain(alike(hash)).collect());
        all.push(alike(hash).collect());
    }
    all
}

#[test]
fn a_listing_goes_on_from_every_cookie_and_behind_it() {
    for names in directories() {
        let bytes = image_of(names.iter().map(Vec::as_slice));
        let mut examiner = Examiner::default();
        assert_eq!(examiner.first(&bytes[..]), None);
        let image = examiner.open(&bytes[..]).unwrap();
        let directory = root(&image);
        let whole = list(&image, &directory, Cookie::START).unwrap();
        let mut listed: Vec<_> = whole.iter().map(|(_, name)| name.clone()).collect();
        let mut names = names;
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        for (index, &(cookie, _)) in whole.iter().enumerate() {
            let rest = list(&image, &directory, cookie).unwrap();
            assert_eq!(rest, whole[index..], "at {cookie:?}");
            let rest = list(&image, &directory, cookie.next()).unwrap();
            assert_eq!(rest, whole[index + 1..], "after {cookie:?}");
        }
    }
}

/// Every listing ends with a read after the last entry, which costs no search.
#[test]
fn the_end_is_found_at_once() {
    let names: Vec<_> = (0..1000).map(|index| format!("name {index}")).collect();
    let bytes = image_of(names.iter().map(String::as_bytes));
    let image = Examiner::default()
        .open(Watched::new(&bytes, u64::MAX))
        .unwrap();
    let directory = root(&image);
    let (last, _) = list(&image, &directory, Cookie::START)
        .unwrap()
        .pop()
        .unwrap();
    let (before, _) = image.memory().loads();
    let position = image.seek(&directory, last.next()).unwrap();
    let (after, _) = image.memory().loads();
    assert!(position.is_at_end(&directory));
    // The hashes of the last two entries: after the last one, others with its hash could follow.
    assert_eq!(after - before, 2, "loads for the end");
}

#[test]
fn a_listing_refuses_what_is_no_name() {
    let mut images: Vec<_> = all()
        .filter(|class| class.rule == Rule::EntryName)
        .map(|class| class.build().bytes)
        .collect();
    assert!(!images.is_empty(), "no class has a bad name");
    for name in [
        &b"."[..],
        b"..",
        b"/",
        b"\0",
        b"a/",
        b"abc/",
        b"abcdefg/abcdefg/",
        b"abcdefg\0h",
    ] {
        images.push(image_of([name]));
    }
    for bytes in images {
        let image = Examiner::default().open(&bytes[..]).unwrap();
        let refused = image.inode_numbers().any(|ino| {
            let Ok(InodeKind::Directory(directory)) = image.inode(ino).map(|inode| inode.kind)
            else {
                return false;
            };
            let error = list(&image, &directory, Cookie::START).err();
            error.as_ref().and_then(located).map(|(rule, _)| rule) == Some(Rule::EntryName)
        });
        let error = Examiner::default().first(&bytes[..]);
        assert!(refused, "no listing refuses {error:?}");
    }
}
