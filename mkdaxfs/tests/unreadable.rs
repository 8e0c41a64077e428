// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that vanish or change during a build, and trees that a library pretends.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end where it fails, and says what it leaves out"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use daxfs_image::format::InodeKind;
use mkdaxfs::{build, Error, Existing, Keep, Observer, Options, Phase, Unreadable};
use support::{check, inode, noise, Scene};

/// A change of a file.
type Act = fn(&Path);

/// Does something to the tree when the scan has ended, and notes what is left out.
struct Churn<'a> {
    act: &'a (dyn Fn() + Sync),
    left_out: Mutex<Vec<PathBuf>>,
}

impl Observer for Churn<'_> {
    fn phase(&self, phase: Phase) {
        if matches!(phase, Phase::Compare { .. }) {
            (self.act)();
        }
    }

    fn skipped(&self, error: &Error) {
        let path = match error {
            Error::Io { path, .. } | Error::Changed { path, .. } => path.clone(),
            other => panic!("{other}"),
        };
        self.left_out.lock().unwrap().push(path);
    }
}

fn build_under(act: &(dyn Fn() + Sync), options: &Options) -> (mkdaxfs::Result<()>, Vec<PathBuf>) {
    let churn = Churn {
        act,
        left_out: Mutex::default(),
    };
    let result = build(options, &churn).map(drop);
    (result, churn.left_out.into_inner().unwrap())
}

#[test]
fn files_that_change_during_the_build_fail_it_or_are_left_out() {
    let acts: [(&str, Act); 4] = [
        ("vanishes", |path| drop(fs::remove_file(path))),
        ("grows", |path| fs::write(path, noise(2, 90_000)).unwrap()),
        ("shrinks", |path| fs::write(path, b"x").unwrap()),
        ("becomes a directory", |path| {
            let _ = fs::remove_file(path);
            let _ = fs::create_dir(path);
        }),
    ];
    for (name, act) in acts {
        let scene = Scene::new();
        scene.write("stays", noise(1, 50_000));
        let path = scene.write("d/live", noise(1, 70_000));
        let act = || act(&path);
        let fail = Options {
            existing: Existing::Replace,
            ..scene.options()
        };
        let (result, left_out) = build_under(&act, &fail);
        assert!(result.is_err() && left_out.is_empty(), "{name}");
        assert!(!scene.image().exists(), "{name}");

        let _ = fs::remove_dir(&path);
        fs::write(&path, noise(1, 70_000)).unwrap();
        let leave_out = Options {
            unreadable: Unreadable::LeaveOut,
            ..fail
        };
        let (result, left_out) = build_under(&act, &leave_out);
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(left_out.contains(&path), "{name}: {left_out:?}");
        let image = check(&scene.image(), Keep::Yes);
        let listed = daxfs_image::path::resolve(&image, b"/d/live");
        assert!(listed.is_err(), "{name}");
        assert_eq!(inode(&image, b"/stays").size, 50_000, "{name}");
    }
}

/// Owners and devices that fakeroot pretends are in the image. Without fakeroot nothing is tested.
#[test]
fn an_image_has_what_fakeroot_pretends() {
    if Command::new("fakeroot").arg("true").status().is_err() {
        eprintln!("fakeroot is not installed: not tested");
        return;
    }
    let scene = Scene::new();
    scene.write("file", b"bytes");
    let script = "cd \"$1\" && mknod device c 1 3 && chown 5:6 file && exec \"$2\" \"$1\" \"$3\"";
    let output = Command::new("fakeroot")
        .args(["sh", "-c", script, "sh"])
        .arg(scene.source())
        .arg(env!("CARGO_BIN_EXE_mkdaxfs"))
        .arg(scene.image())
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    let image = check(&scene.image(), Keep::Yes);
    let file = inode(&image, b"/file");
    assert_eq!((file.uid, file.gid), (5, 6));
    let device = inode(&image, b"/device").kind;
    let InodeKind::CharDevice(number) = device else {
        panic!("{device:?}")
    };
    assert_eq!((number.major, number.minor), (1, 3));
}

/// A program that does not load the library which should pretend is refused.
#[test]
fn an_environment_that_pretends_without_its_library_is_refused() {
    for variable in ["FAKEROOTKEY", "FAKECHROOT", "PSEUDO_PREFIX"] {
        let scene = Scene::new();
        let output = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"))
            .args([scene.source(), scene.image()])
            .env(variable, "7")
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(variable), "{message}");
        assert!(!scene.image().exists());
    }
}
