// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cost of a command is bounded by the length of the image, whatever the image states.
//!
//! Objects that share their bytes cost an image nothing. A command that read the bytes again for
//! each of them would never end, on an image of a few megabytes.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what it has found"
)]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use daxfs_hostile::editor::Editor;
use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::format::xattr::RawXattr;
use daxfs_image::format::{FileType, Namespace, RawInode, SectionKind};
use support::{inspect, ImageFile, Run};

/// The number of objects that overlap.
const COUNT: u32 = 2000;

/// Makes `count` inodes from `first` on copies of `model` that keep their parents and contents.
fn share_place(specimen: &mut Editor, model: u32, first: u32, count: u32) {
    let table = specimen.section(SectionKind::Inodes).offset;
    let model = *specimen.at::<RawInode>(table + 64 * u64::from(model));
    for ino in first..first + count {
        let inode: &mut RawInode = specimen.at(table + 64 * u64::from(ino));
        let own = *inode;
        *inode = model;
        inode.content = own.content;
        if FileType::from_mode(model.mode.get()) == Some(FileType::Directory) {
            inode.link = own.link;
        }
    }
}

/// An image whose 2,000 directories all have the entries of the one that names them.
fn directories_of_one_unit() -> ImageFile {
    let mut tree = Tree::new(Form::default());
    let big = tree.add(ROOT, b"big", Body::Directory);
    for index in 0..COUNT {
        tree.add(big, format!("{index:04}").as_bytes(), Body::Directory);
    }
    let mut specimen = Editor::new(tree.write());
    share_place(&mut specimen, big, big + 1, COUNT);
    ImageFile::new(&specimen.finish())
}

fn diff(a: &ImageFile, b: &ImageFile) -> Run {
    inspect(&["diff".as_ref(), a.path().as_os_str(), b.path().as_os_str()])
}

fn assert_bounded(run: &Run, rule: &str, lines: u32) {
    assert!(run.err.contains(rule), "{}", run.err);
    let count = run.text().lines().count();
    let most = usize::try_from(lines).unwrap();
    assert!(count <= most, "{count} lines, and not {most}");
}

#[test]
fn directories_that_share_a_unit_are_listed_once() {
    let image = directories_of_one_unit();
    let commands: [(&str, &[&str], u32); 6] = [
        ("tree", &[], COUNT + 4),
        // In JSON, the first hundred problems are records too.
        ("tree", &["--json"], COUNT + 1 + 101),
        // Each directory has a line, a heading, and a gap before that.
        ("ls", &["-R"], 3 * COUNT + 5),
        ("ls", &["-lR", "--json"], COUNT + 1 + 101),
        ("map", &[], 40),
        ("map", &["/big", "--json"], 1 + 101),
    ];
    for (command, rest, lines) in commands {
        let run = image.run(command, rest);
        println!("{command} {rest:?}: {} bytes", run.out.len());
        assert_eq!(run.code, 1);
        assert!(run.err.contains("inode 3 at "), "{}", run.err);
        assert_bounded(&run, "[directory-offset]", lines);
    }
}

#[test]
fn trees_whose_directories_share_a_unit_are_compared_in_one_pass() {
    let [a, b] = [directories_of_one_unit(), ImageFile::reference()];
    for [a, b] in [[&a, &b], [&b, &a], [&a, &a]] {
        let run = diff(a, b);
        assert_eq!(run.code, 2);
        assert_bounded(&run, "[directory-offset]", COUNT + 100);
    }
}

#[test]
fn sparse_files_that_share_a_list_are_mapped_once() {
    let mut tree = Tree::new(Form::default());
    let extents = (0..400)
        .map(|index| (index * 8192, vec![1; 4096]))
        .collect();
    let size = 400 * 8192;
    let list = tree.add(ROOT, b"list", Body::Sparse { size, extents });
    for index in 0..COUNT {
        let name = format!("{index}");
        let content = name.clone().into_bytes();
        tree.add(ROOT, name.as_bytes(), Body::Packed(content));
    }
    let mut specimen = Editor::new(tree.write());
    share_place(&mut specimen, list, list + 1, COUNT);
    let run = ImageFile::new(&specimen.finish()).run("map", &["-a"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("inode 3 at "), "{}", run.err);
    assert_bounded(&run, "[extent-offset]", 400 + 20);
}

fn undigested() -> Form {
    Form {
        digests: false,
        ..Form::default()
    }
}

/// Each of 2,000 files claims the bytes of the first one, so that comparing all would read them
/// 2,000 times.
#[test]
fn contents_that_share_bytes_are_compared_once() {
    let mut tree = Tree::new(undigested());
    let first = tree.add(ROOT, b"first", Body::Direct(vec![1; 1 << 20]));
    for index in 0..COUNT {
        let name = format!("{index}");
        let content = name.clone().into_bytes();
        tree.add(ROOT, name.as_bytes(), Body::Packed(content));
    }
    let mut specimen = Editor::new(tree.write());
    share_place(&mut specimen, first, first + 1, COUNT);
    let image = ImageFile::new(&specimen.finish());
    let run = diff(&image, &image);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("content 3 at "), "{}", run.err);
    assert_bounded(&run, "[content-overlap]", 0);
    let expected = "and 1900 more problems";
    assert!(run.err.contains(expected), "{}", run.err);
}

/// Each of 300 extents has all bytes of the data section.
#[test]
fn extents_that_share_bytes_are_compared_once() {
    let mut tree = Tree::new(undigested());
    let extents = (0..300).map(|index| (index << 21, vec![1; 4096])).collect();
    let size = 1 << 40;
    tree.add(ROOT, b"list", Body::Sparse { size, extents });
    let mut specimen = Editor::new(tree.write());
    let data = specimen.section(SectionKind::Data);
    for index in 0..300 {
        let extent = specimen.extent("list", index);
        extent.offset.set(data.offset);
        extent.length.set(data.length);
    }
    let image = ImageFile::new(&specimen.finish());
    let run = diff(&image, &image);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("/list: "), "{}", run.err);
    assert_bounded(&run, "[content-overlap]", 0);
}

/// Each of 500 sets has the attributes of all.
#[test]
fn attribute_sets_that_share_bytes_are_compared_once() {
    const SETS: u32 = 500;
    let mut tree = Tree::new(Form::default());
    for index in 0..SETS {
        let file = tree.add(ROOT, format!("{index}").as_bytes(), Body::Fifo);
        let value = index.to_le_bytes().to_vec();
        tree.node(file).xattrs = vec![(Namespace::User, b"n".to_vec(), value)];
    }
    let mut specimen = Editor::new(tree.write());
    let length = specimen.section(SectionKind::Xattrs).length;
    let first = specimen.xattr_set(1).offset.get();
    for number in 1..=SETS {
        let set = specimen.xattr_set(number);
        set.offset.set(first);
        set.length.set(u32::try_from(length).unwrap() - first);
    }
    shared_sets_are_refused(specimen);

    // An attribute that has nothing but its header.
    let mut specimen = Editor::new(tree.write());
    let section = specimen.section(SectionKind::Xattrs).offset;
    let first = specimen.xattr_set(1).offset.get();
    let attribute: &mut RawXattr = specimen.at(section + u64::from(first));
    attribute.value_length.set(0);
    (attribute.namespace, attribute.name_length) = (Namespace::AclAccess.number(), 0);
    for number in 1..=SETS {
        let set = specimen.xattr_set(number);
        set.offset.set(first);
        set.length.set(8);
    }
    shared_sets_are_refused(specimen);
}

fn shared_sets_are_refused(specimen: Editor) {
    let image = ImageFile::new(&specimen.finish());
    let run = diff(&image, &image);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("/1: corrupt image: xattr set 2 at "),
        "{}",
        run.err
    );
    assert_bounded(&run, "[xattr-offset]", 0);
}
