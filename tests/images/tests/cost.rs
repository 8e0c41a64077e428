// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cost of a check is bounded by the length of the image, whatever the image says.
//!
//! Objects that overlap cost nothing to make: a thousand inodes may share one unit of a thousand
//! entries. A check that followed each of them would need a million steps, and a large image would
//! keep it busy for days.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::ops::ControlFlow;

use daxfs_format::{Error, Namespace, RawInode, Rule, SectionKind};
use daxfs_hostile::editor::Editor;
use daxfs_hostile::examine::Examiner;
use daxfs_hostile::memory::Watched;
use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::walk::Walk;

/// The bytes that a check may read, as a multiple of the image's length.
const FACTOR: u64 = 8;
/// The number of objects that share bytes.
const COUNT: u32 = 2000;

fn assert_cheap(editor: Editor) {
    let bytes = editor.finish();
    let mut examiner = Examiner::default();
    let image = examiner.open(Watched::new(&bytes, u64::MAX)).unwrap();
    let mut findings = 0_u64;
    let mut sink = |_| {
        findings += 1;
        ControlFlow::Continue(())
    };
    examiner.structure(&image, &mut sink).unwrap();
    let (_, read) = image.memory().loads();
    let length = length(&bytes);
    assert!(findings > 0, "the image breaks a rule");
    assert!(read <= FACTOR * length, "{read} bytes of {length}");
    assert!(
        findings <= length / 8,
        "{findings} findings in {length} bytes"
    );
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

/// Copies the inode of a name over [`COUNT`] others, which keep their content numbers.
fn copy_inode(editor: &mut Editor, name: &str, first: u32) {
    let model = *editor.inode(name);
    let table = editor.section(SectionKind::Inodes).offset;
    for ino in first..first + COUNT {
        let inode: &mut RawInode = editor.at(table + 64 * u64::from(ino));
        let content = inode.content.get();
        *inode = model;
        if content != 0 {
            inode.content.set(content);
        }
    }
}

/// Adds the directory `big` with [`COUNT`] directories.
fn add_directories(tree: &mut Tree) {
    let big = tree.add(ROOT, b"big", Body::Directory);
    for index in 0..COUNT {
        tree.add(big, format!("{index}").as_bytes(), Body::Directory);
    }
}

/// Adds [`COUNT`] small files.
fn add_files(tree: &mut Tree) {
    for index in 0..COUNT {
        let name = index.to_string().into_bytes();
        tree.add(ROOT, &name, Body::Packed(name.clone()));
    }
}

/// An image in which [`COUNT`] directories have the unit of the directory that holds them.
fn shared_unit() -> Editor {
    let mut tree = Tree::new(Form::default());
    add_directories(&mut tree);
    let mut editor = Editor::new(tree.write());
    copy_inode(&mut editor, "big", 3);
    editor
}

#[test]
fn directories_that_share_a_unit() {
    assert_cheap(shared_unit());
}

/// The same for a walk without a check before it.
#[test]
fn a_walk_over_directories_that_share_a_unit() {
    let bytes = shared_unit().finish();
    let image = Examiner::default().open(&bytes[..]).unwrap();
    let mut walk = Walk::new(&image).unwrap();
    let (mut steps, mut refused) = (0, 0);
    while let Some(step) = walk.step() {
        steps += 1;
        let error = step.inode.err();
        let rule = |error| match error {
            Error::Corrupt(finding) => Some(finding.rule),
            _ => None,
        };
        refused += u32::from(error.and_then(rule) == Some(Rule::DirectoryOffset));
        assert!(steps <= 2001, "one for each entry");
    }
    assert_eq!((steps, refused), (2001, 2000));
}

/// A unit that ends where the shared one begins must not lead the check back to it.
#[test]
fn directories_that_share_a_unit_by_turns() {
    let mut tree = Tree::new(Form::default());
    let small = tree.add(ROOT, b"small", Body::Directory);
    tree.add(small, b"x", Body::Fifo);
    add_directories(&mut tree);
    let mut editor = Editor::new(tree.write());
    copy_inode(&mut editor, "big", 5);
    let table = editor.section(SectionKind::Inodes).offset;
    let small = *editor.inode("small");
    for ino in (5..2005).step_by(2) {
        *editor.at::<RawInode>(table + 64 * ino) = small;
    }
    assert_cheap(editor);
}

#[test]
fn sparse_files_that_share_a_list() {
    let mut tree = Tree::new(Form::default());
    let extents = (0..400)
        .map(|index| (index * 8192, vec![1; 4096]))
        .collect();
    let size = 400 * 8192;
    tree.add(ROOT, b"list", Body::Sparse { size, extents });
    add_files(&mut tree);
    let mut editor = Editor::new(tree.write());
    copy_inode(&mut editor, "list", 3);
    assert_cheap(editor);
}

/// Every file claims the same byte, so that the same page of zeros follows each of them.
#[test]
fn files_that_share_their_page() {
    let mut tree = Tree::new(Form {
        page_shift: 16,
        ..Form::default()
    });
    tree.add(ROOT, b"direct", Body::Direct(vec![1]));
    add_files(&mut tree);
    let mut editor = Editor::new(tree.write());
    copy_inode(&mut editor, "direct", 3);
    assert_cheap(editor);
}

#[test]
fn attribute_sets_that_overlap() {
    let mut tree = Tree::new(Form::default());
    for index in 0..500_u32 {
        let file = tree.add(ROOT, format!("{index}").as_bytes(), Body::Fifo);
        let value = index.to_le_bytes().to_vec();
        tree.node(file).xattrs = vec![(Namespace::User, b"n".to_vec(), value)];
    }
    let mut editor = Editor::new(tree.write());
    let length = editor.section(SectionKind::Xattrs).length;
    let first = editor.xattr_set(1).offset.get();
    for number in 1..=500 {
        let set = editor.xattr_set(number);
        set.offset.set(first);
        set.length.set(u32::try_from(length).unwrap() - first);
    }
    assert_cheap(editor);
}

/// One digest never reads more than there is in the data section.
#[test]
fn a_digest_of_extents_that_share_their_pages() {
    let mut tree = Tree::new(Form::default());
    let extents = (0..300)
        .map(|index| (index * 1_048_576, vec![1; 4096]))
        .collect();
    tree.add(
        ROOT,
        b"list",
        Body::Sparse {
            size: 1 << 40,
            extents,
        },
    );
    let mut editor = Editor::new(tree.write());
    let data = editor.section(SectionKind::Data);
    for index in 0..300 {
        let extent = editor.extent("list", index);
        extent.offset.set(data.offset);
        extent.length.set(data.length);
    }
    let bytes = editor.finish();
    let mut examiner = Examiner::default();
    let image = examiner.open(Watched::new(&bytes, u64::MAX)).unwrap();
    assert!(examiner.contents(&image).is_err());
    let (_, read) = image.memory().loads();
    let length = length(&bytes);
    assert!(read <= FACTOR * length, "{read} bytes of {length}");
}
