// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extreme images that obey every rule.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use daxfs_format::limits::{MAX_IMAGE_SIZE, MAX_XATTR_LIST, MAX_XATTR_NAME, MAX_XATTR_VALUE};
use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::xattr::{self, Namespace};
use daxfs_format::{Cookie, Error, InodeKind, ListBuf, NameBuf, Object, Rule, SectionKind};
use daxfs_hostile::collide::names_with_hash;
use daxfs_hostile::editor::{Editor, Seal};
use daxfs_hostile::examine::Examiner;
use daxfs_hostile::memory::Watched;
use daxfs_hostile::reference::reference;
use daxfs_hostile::walk;
use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::hash::Xxh64;

/// The page of the reference image, in bytes.
const PAGE: u64 = 4096;

/// No reader recurses, so the depth has no limit.
#[test]
fn a_hundred_thousand_directories_in_each_other() {
    let mut tree = Tree::new(Form::default());
    let mut parent = ROOT;
    for _ in 0..100_000 {
        parent = tree.add(parent, b"d", Body::Directory);
    }
    let bytes = tree.write();
    let mut examiner = Examiner::default();
    assert_eq!(examiner.first(&bytes[..]), None);
    let image = examiner.open(&bytes[..]).unwrap();
    let report = walk::walk(&image);
    assert_eq!(report.first, None);
    assert_eq!(report.tally.inodes, 100_001);
}

/// Values, names and lists of names may have exactly the length that Linux allows.
#[test]
fn attributes_at_their_limits() {
    let mut tree = Tree::new(Form::default());
    let file = tree.add(ROOT, b"file", Body::Fifo);
    let length = MAX_XATTR_NAME - Namespace::User.prefix().len();
    let names = (0..256_u32).map(|index| format!("{index:0>length$}").into_bytes());
    // Each with a NUL.
    let list = 256 * (MAX_XATTR_NAME + 1);
    assert_eq!(u64::try_from(list).unwrap(), MAX_XATTR_LIST);
    tree.node(file).xattrs = names
        .map(|name| (Namespace::User, name, Vec::new()))
        .collect();
    let file = tree.add(ROOT, b"another", Body::Fifo);
    let value = vec![1; usize::try_from(MAX_XATTR_VALUE).unwrap()];
    tree.node(file).xattrs = vec![(Namespace::User, b"name".to_vec(), value)];
    let bytes = tree.write();
    let mut examiner = Examiner::default();
    assert_eq!(examiner.first(&bytes[..]), None);
    let image = examiner.open(&bytes[..]).unwrap();
    assert_eq!(walk::walk(&image).first, None);
}

/// The smallest section of attributes is its header.
#[test]
fn a_section_for_attributes_of_nobody() {
    let mut tree = Tree::new(Form::default());
    let file = tree.add(ROOT, b"file", Body::Fifo);
    tree.node(file).xattrs = vec![(Namespace::User, b"name".to_vec(), Vec::new())];
    let mut editor = Editor::new(tree.write());
    let section = editor.section(SectionKind::Xattrs);
    editor.inode("file").xattrs.set(0);
    for at in section.offset..section.end() {
        *editor.byte(at) = 0;
    }
    let entry = editor.section_entry(SectionKind::Xattrs);
    entry.length.set(xattr::HEADER_SIZE);
    let bytes = editor.finish();
    assert_eq!(Examiner::default().first(&bytes[..]), None);
}

/// The table may be full, and readers skip sections that they do not know.
#[test]
fn as_many_sections_as_a_table_holds() {
    let mut editor = Editor::new(reference());
    let start = editor.length();
    let known = usize::try_from(editor.superblock().section_count.get()).unwrap();
    let length = usize::try_from(start + PAGE).unwrap();
    editor.bytes.resize(length, 0);
    let superblock = editor.superblock();
    let unknown = (1_u32..)
        .zip(start..)
        .zip(&mut superblock.sections[known..]);
    for ((number, offset), entry) in unknown {
        entry.kind.set(SectionKind::Data.number() + number);
        entry.offset.set(offset);
        entry.length.set(1);
    }
    superblock.section_count.set(60);
    superblock.image_size.set(start + PAGE);
    let bytes = editor.finish();
    let mut examiner = Examiner::default();
    assert_eq!(examiner.first(&bytes[..]), None);
    let image = examiner.open(&bytes[..]).unwrap();
    assert_eq!(walk::walk(&image).first, None);
}

/// The largest image has 256 TiB, which no test writes: only its superblock is read.
#[test]
fn the_largest_image() {
    let with_size = |size: u64| {
        let mut editor = Editor::new(reference());
        let data = editor.section(SectionKind::Data);
        editor.superblock().image_size.set(size);
        let entry = editor.section_entry(SectionKind::Data);
        entry.length.set(size - data.offset);
        editor.seal = Seal::Superblock;
        let mut superblock = SuperblockCopy::zeroed();
        superblock.fill(&editor.finish()[..]).unwrap();
        superblock.validate::<Xxh64>(u64::MAX)
    };
    let largest = with_size(MAX_IMAGE_SIZE).unwrap();
    assert_eq!(largest.image_size(), 256 << 40);
    let Error::Corrupt(finding) = with_size(MAX_IMAGE_SIZE + PAGE).unwrap_err() else {
        panic!("an image of this size is none");
    };
    assert_eq!(
        (finding.rule, finding.object, finding.offset),
        (Rule::ImageSize, Object::Superblock, 40)
    );
}

/// All names may have one hash. Lookup then still bisects, by name, and iteration continues from
/// any cookie.
#[test]
fn ten_thousand_names_with_one_hash() {
    let mut tree = Tree::new(Form::default());
    let names: Vec<_> = names_with_hash(0xdead_beef).take(10_000).collect();
    for name in &names {
        tree.add(ROOT, name, Body::Fifo);
    }
    let bytes = tree.write();
    let mut examiner = Examiner::default();
    assert_eq!(examiner.first(&bytes[..]), None);
    let image = examiner.open(Watched::new(&bytes, u64::MAX)).unwrap();
    let root = image.inode(image.superblock().root()).unwrap();
    let InodeKind::Directory(directory) = root.kind else {
        panic!("the root is {root:?}");
    };
    for name in &names {
        let (before, _) = image.memory().loads();
        let found = image.lookup(&directory, name).unwrap();
        let (after, _) = image.memory().loads();
        // An entry and a name for each probe: six guesses and a bisection of what they leave.
        assert!(after - before <= 2 * (6 + 14), "{} loads", after - before);
        let found = found.unwrap_or_else(|| panic!("{name:?} is not found"));
        let mut buffer = NameBuf::new();
        let found = image.name(&directory, &found, &mut buffer).unwrap();
        assert_eq!(found, &name[..]);
    }
    let mut cookie = Cookie::START;
    let mut buffer = ListBuf::new();
    for left in (1..=10_000).rev() {
        let mut position = image.seek(&directory, cookie).unwrap();
        let next = image.next_entry(&directory, &mut position, &mut buffer);
        let next = next.unwrap();
        cookie = next
            .unwrap_or_else(|| panic!("{left} entries are left"))
            .cookie
            .next();
    }
    let mut position = image.seek(&directory, cookie).unwrap();
    let next = image.next_entry(&directory, &mut position, &mut buffer);
    assert_eq!(next, Ok(None));
}
