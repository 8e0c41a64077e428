// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several sources, each at a path of its own.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use daxfs_image::format::Timestamp;
use mkdaxfs::{build, Error, Existing, Mtime, Options, Overrides, SourceSpec};
use support::{noise, Scene};

/// Options for an image of these sources, below the directory of the scene.
fn options(scene: &Scene, sources: &[(&str, &str)]) -> Options {
    let source = |&(prefix, path): &(&str, &str)| SourceSpec {
        path: scene.dir.path().join(path),
        prefix: prefix.into(),
    };
    let epoch = Timestamp {
        seconds: 0,
        nanoseconds: 0,
    };
    Options {
        sources: sources.iter().map(source).collect(),
        existing: Existing::Replace,
        overrides: Overrides {
            uid: Some(0),
            gid: Some(0),
            mtime: Mtime::Set(epoch),
        },
        ..scene.options()
    }
}

fn make(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, noise(7, 10_000)).unwrap();
        for parent in path.parent().unwrap().ancestors() {
            fs::set_permissions(parent, Permissions::from_mode(0o755)).unwrap();
            if parent == root {
                break;
            }
        }
    }
}

#[test]
fn sources_are_joined_as_if_they_were_one_tree() {
    let scene = Scene::new();
    let at = |name: &str| scene.dir.path().join(name);
    make(&at("one"), &["file", "etc/file"]);
    make(&at("two"), &["file", "d/file"]);
    make(&at("all"), &["file", "etc/file"]);
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("new", &[("", "one"), ("new", "two")]),
        ("etc/two", &[("", "one"), ("etc/two", "two")]),
        ("a/b/c", &[("a/b/c", "two"), ("", "one")]),
        ("new", &[("new/d", "two/d"), ("new", "part"), ("", "one")]),
    ];
    make(&at("part"), &["file"]);
    for (path, sources) in cases {
        let whole = at("whole");
        make(&whole, &["file", "etc/file"]);
        make(
            &whole,
            &[&format!("{path}/file"), &format!("{path}/d/file")],
        );
        support::build(&options(&scene, &[("", "whole")]));
        let expected = fs::read(scene.image()).unwrap();
        let summary = support::build(&options(&scene, sources));
        assert!(fs::read(scene.image()).unwrap() == expected, "{path}");
        assert_eq!(
            summary.shared_files, 3,
            "contents are shared across sources"
        );
        fs::remove_dir_all(whole).unwrap();
    }
}

#[test]
fn a_path_that_two_sources_have_is_refused() {
    let scene = Scene::new();
    let at = |name: &str| scene.dir.path().join(name);
    make(&at("one"), &["file", "d/file"]);
    make(&at("two"), &["file"]);
    symlink("d", at("one/link")).unwrap();
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("", "one"), ("", "two")], ""),
        (&[("a", "one"), ("a", "two")], "a"),
        (&[("", "one"), ("d", "two")], "d"),
        (&[("", "one"), ("file", "two")], "file"),
        (&[("", "one"), ("file/a", "two")], "file"),
        (&[("", "one"), ("link/a", "two")], "link"),
        (&[("a/../b", "one")], "a/../b"),
        (&[("a//b", "one")], "a//b"),
    ];
    for (sources, expected) in cases {
        match build(&options(&scene, sources), &()).unwrap_err() {
            Error::Prefix { prefix, .. } => assert_eq!(prefix, Path::new(expected)),
            other => panic!("{sources:?}: {other:?}"),
        }
        assert!(!scene.image().exists());
    }
}

#[test]
fn a_change_in_any_source_is_noticed_and_named() {
    struct Meddler<'a>(&'a Path);
    impl mkdaxfs::Observer for Meddler<'_> {
        fn phase(&self, phase: mkdaxfs::Phase) {
            if phase == mkdaxfs::Phase::Copy {
                fs::set_permissions(self.0, Permissions::from_mode(0o700)).unwrap();
            }
        }
    }
    let scene = Scene::new();
    let at = |name: &str| scene.dir.path().join(name);
    make(&at("one"), &["file"]);
    make(&at("two"), &["d/file"]);
    let options = options(&scene, &[("a", "one"), ("b", "two")]);
    for path in ["one", "two", "two/d", "two/d/file"] {
        let changed = at(path);
        fs::set_permissions(&changed, Permissions::from_mode(0o755)).unwrap();
        match build(&options, &Meddler(&changed)).unwrap_err() {
            Error::Changed { path, .. } => assert_eq!(path, changed),
            other => panic!("{other:?}"),
        }
        fs::set_permissions(&changed, Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn the_command_takes_prefixes_and_names_with_equals_signs() {
    let scene = Scene::new();
    make(&scene.dir.path().join("one"), &["file"]);
    make(&scene.dir.path().join("a=b"), &["other"]);
    let run = |sources: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mkdaxfs"))
            .current_dir(scene.dir.path())
            .args(sources)
            .args(["image", "--force"])
            .output()
            .unwrap()
    };
    let cases: [(&[&str], &[&[u8]]); 4] = [
        (&["./a=b"], &[b"other"]),
        (&["=a=b", "x/y=one"], &[b"other", b"x/y/file"]),
        (&["one=one", "two/=a=b"], &[b"one/file", b"two/other"]),
        (&["one", "two=./a=b"], &[b"file", b"two/other"]),
    ];
    for (sources, paths) in cases {
        let output = run(sources);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{sources:?}: {message}");
        let image = support::check(&scene.image(), mkdaxfs::Keep::Yes);
        for path in paths {
            support::inode(&image, path);
        }
    }
    for (sources, status, message) in [
        (&["one", "a=b"][..], 1, "cannot open the directory b"),
        (&["one", "one"], 2, "one cannot be at '' of the image"),
        (
            &["../x=one", "one"],
            1,
            "cannot open the directory ../x=one",
        ),
        (&["..=one"], 2, "one cannot be at '..' of the image"),
        (&[], 2, "SOURCE"),
    ] {
        let output = run(sources);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(message), "{sources:?}: {text}");
        assert_eq!(output.status.code(), Some(status), "{sources:?}");
    }
}
