// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comparing the trees of two images.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::ffi::OsStr;

use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::format::{Namespace, Rdev};
use serde_json::{json, Value};
use support::{inspect, ImageFile, Run};

fn diff(a: &ImageFile, b: &ImageFile, rest: &[&str]) -> Run {
    let mut arguments = vec![
        OsStr::new("diff"),
        a.path().as_os_str(),
        b.path().as_os_str(),
    ];
    arguments.extend(rest.iter().map(OsStr::new));
    inspect(&arguments)
}

fn image(fill: impl FnOnce(&mut Tree)) -> ImageFile {
    image_in(Form::default(), fill)
}

fn image_in(form: Form, fill: impl FnOnce(&mut Tree)) -> ImageFile {
    let mut tree = Tree::new(form);
    fill(&mut tree);
    ImageFile::new(&tree.write())
}

/// The lines without the summary.
fn lines(run: &Run) -> Vec<&str> {
    run.text()
        .lines()
        .take_while(|line| !line.is_empty())
        .collect()
}

#[test]
fn an_image_does_not_differ_from_itself() {
    let (a, b) = (ImageFile::reference(), ImageFile::reference());
    assert_eq!(diff(&a, &b, &[]).clean().text(), "");
    let json = diff(&a, &b, &["--json"]).clean().json();
    assert_eq!(json.len(), 1);
    assert_eq!(
        (&json[0]["record"], &json[0]["changed"]),
        (&json!("diff"), &json!(0))
    );
    assert_eq!(diff(&a, &b, &["--json", "-q"]).clean().text(), "");
}

#[test]
fn what_is_added_and_removed_is_listed_with_all_that_is_below() {
    let a = image(|tree| {
        tree.add(ROOT, b"b", Body::Empty);
        let old = tree.add(ROOT, b"old", Body::Directory);
        tree.add(old, b"x", Body::Fifo);
    });
    let b = image(|tree| {
        tree.add(ROOT, b"a", Body::Socket);
        tree.add(ROOT, b"b", Body::Empty);
    });
    let run = diff(&a, &b, &[]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let expected = ["+ /a  socket", "- /old  directory", "- /old/x  fifo"];
    assert_eq!(lines(&run), expected);
    assert!(
        run.text()
            .ends_with("\n2 removed, 1 added, 0 changed, of 5 paths\n"),
        "{}",
        run.text()
    );
    let quiet = diff(&a, &b, &["-q"]);
    assert_eq!(
        (quiet.code, quiet.out.len(), quiet.err.as_str()),
        (1, 0, "")
    );
}

/// One field each, and its message.
#[test]
fn every_field_is_compared() {
    type Change = fn(&mut Tree, u32);
    let changes: [(&str, Change, Value); 9] = [
        (
            "mode",
            |tree, ino| tree.node(ino).permissions = 0o4755,
            json!(["0644", "4755"]),
        ),
        ("uid", |tree, ino| tree.node(ino).uid = 7, json!([0, 7])),
        ("gid", |tree, ino| tree.node(ino).gid = 8, json!([0, 8])),
        (
            "mtime",
            |tree, ino| tree.node(ino).mtime = (0, 1),
            json!([
                {"seconds": 0, "nanoseconds": 0},
                {"seconds": 0, "nanoseconds": 1}
            ]),
        ),
        (
            "links",
            |tree, ino| tree.link(ROOT, b"zz", ino),
            json!([1, 2]),
        ),
        (
            "xattr",
            |tree, ino| {
                tree.node(ino).xattrs = vec![(Namespace::User, b"a".to_vec(), b"1".to_vec())];
            },
            json!([null, "1"]),
        ),
        (
            "device",
            |_, _| {},
            json!([{"major": 1, "minor": 2}, {"major": 1, "minor": 3}]),
        ),
        ("target", |_, _| {}, json!(["x", "y"])),
        ("size", |_, _| {}, json!([3, 4])),
    ];
    for (field, change, expected) in changes {
        let [a, b] = [false, true].map(|changed| {
            image(|tree| {
                let body = match field {
                    "device" => Body::CharDevice(Rdev {
                        major: 1,
                        minor: if changed { 3 } else { 2 },
                    }),
                    "target" => Body::Symlink(if changed { b"y" } else { b"x" }.to_vec()),
                    "size" => Body::Packed(if changed { &b"four"[..] } else { b"two" }.to_vec()),
                    _ => Body::Empty,
                };
                let ino = tree.add(ROOT, b"file", body);
                tree.node(ino).mtime = (0, 0);
                tree.node(ino).permissions = 0o644;
                if changed {
                    change(tree, ino);
                }
            })
        });
        let run = diff(&a, &b, &["--json"]);
        assert_eq!(run.code, 1, "{field}");
        let line = run
            .json()
            .into_iter()
            .find(|line| line["path"] == "/file")
            .unwrap();
        let change = &line["changes"][0];
        assert_eq!(line["changes"].as_array().unwrap().len(), 1);
        assert_eq!(change["field"], field);
        assert_eq!(json!([change["old"], change["new"]]), expected, "{field}");
        let name = (field == "xattr").then_some("user.a");
        assert_eq!(change["name"].as_str(), name);
    }
}

#[test]
fn a_file_that_became_a_directory_is_a_change_with_additions() {
    let a = image(|tree| {
        tree.add(ROOT, b"thing", Body::Packed(b"1".to_vec()));
    });
    let b = image(|tree| {
        let thing = tree.add(ROOT, b"thing", Body::Directory);
        tree.node(thing).permissions = 0o644;
        tree.add(thing, b"below", Body::Empty);
    });
    let run = diff(&a, &b, &[]);
    let lines = lines(&run);
    assert!(
        lines[0].starts_with("~ /thing  type regular file -> directory"),
        "{lines:?}"
    );
    assert_eq!(lines[1..], ["+ /thing/below  regular file"]);
}

/// Contents of one size; the digests decide, or the bytes where there are none.
#[test]
fn contents_are_told_apart_with_and_without_digests() {
    let undigested = Form {
        digests: false,
        ..Form::default()
    };
    for forms in [
        [Form::default(), Form::default()],
        [Form::default(), undigested],
        [undigested, undigested],
    ] {
        let file = |form, byte| {
            image_in(form, |tree| {
                tree.add(ROOT, b"direct", Body::Direct(vec![byte; 600_000]));
                tree.add(ROOT, b"packed", Body::Packed(vec![byte; 10]));
                tree.add(ROOT, b"same", Body::Direct(vec![9; 600_000]));
            })
        };
        let run = diff(&file(forms[0], 1), &file(forms[1], 2), &[]);
        assert_eq!(run.code, 1);
        let paths: Vec<&str> = lines(&run)
            .iter()
            .map(|line| line.split("  ").next().unwrap())
            .collect();
        assert_eq!(paths, ["~ /direct", "~ /packed"]);
        diff(&file(forms[0], 1), &file(forms[1], 1), &[]).clean();
    }
}

/// A hole and zeros are the same bytes, wherever the extents end, although digests differ.
#[test]
fn holes_are_zeros() {
    let zeros = |range: std::ops::Range<usize>, mut bytes: Vec<u8>| {
        bytes[range].fill(0);
        bytes
    };
    let whole = || zeros(4096..12_288, vec![5; 20_480]);
    let dense = image(|tree| {
        tree.add(ROOT, b"f", Body::Direct(whole()));
    });
    let sparse = |second: u64| {
        image(|tree| {
            let bytes = whole();
            let split = usize::try_from(second).unwrap();
            let extents = vec![
                (0, bytes[..4096].to_vec()),
                (second, bytes[split..].to_vec()),
            ];
            tree.add(
                ROOT,
                b"f",
                Body::Sparse {
                    size: 20_480,
                    extents,
                },
            );
        })
    };
    diff(&dense, &sparse(12_288), &[]).clean();
    diff(&sparse(8192), &sparse(12_288), &[]).clean();
    // The same blocks at other offsets are other bytes.
    let moved = image(|tree| {
        let bytes = zeros(8192..16_384, vec![5; 20_480]);
        tree.add(ROOT, b"f", Body::Direct(bytes));
    });
    assert_eq!(diff(&moved, &sparse(8192), &[]).code, 1);
    let other = image(|tree| {
        tree.add(
            ROOT,
            b"f",
            Body::Sparse {
                size: 20_480,
                extents: vec![(0, vec![5; 4096])],
            },
        );
    });
    assert_eq!(diff(&other, &dense, &[]).code, 1);
    assert_eq!(diff(&sparse(8192), &other, &[]).code, 1);
}

#[test]
fn damage_is_trouble_and_not_a_difference() {
    let sound = ImageFile::reference();
    let mut specimen = daxfs_hostile::editor::Editor::new(daxfs_hostile::reference::reference());
    specimen.inode("/packed").mtime_ns.set(u32::MAX);
    let damaged = ImageFile::new(&specimen.finish());
    let run = diff(&sound, &damaged, &[]);
    assert_eq!(run.code, 2);
    assert!(
        run.err.contains("/packed: corrupt image: inode "),
        "{}",
        run.err
    );
    assert!(run.err.contains("[inode-time]"), "{}", run.err);
    assert_eq!(run.text(), "");
}
