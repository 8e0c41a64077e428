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

/// Files that patterns leave out may come and go, in the scan and after it. Others may not.
#[test]
fn churn_in_what_is_left_out_does_not_fail_a_build() {
    let scene = Scene::new();
    scene.write("d/stays", noise(1, 50_000));
    let at = |name: &str| scene.source().join(name);
    let options = Options {
        exclude: vec!["/d/*.tmp".to_owned(), "cache/".to_owned()],
        existing: Existing::Replace,
        ..scene.options()
    };
    let succeeds = |act: &(dyn Fn() + Sync)| build_under(act, &options).0.is_ok();
    assert!(succeeds(&|| fs::write(at("d/1.tmp"), "x").unwrap()));
    assert!(succeeds(&|| fs::remove_file(at("d/1.tmp")).unwrap()));
    assert!(succeeds(&|| fs::create_dir(at("d/cache")).unwrap()));
    assert!(!succeeds(&|| fs::write(at("d/new"), "x").unwrap()));
    fs::remove_file(at("d/new")).unwrap();
    // A file of the tree vanishes; the directory itself changes.
    scene.write("d/empty", "");
    assert!(!succeeds(&|| fs::remove_file(at("d/empty")).unwrap()));
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    assert!(!succeeds(
        &|| fs::set_permissions(at("d"), mode(0o700)).unwrap()
    ));
    assert!(succeeds(&|| ()));
}

/// A directory that changes is not left out with all that is in it.
#[test]
fn a_directory_that_changes_is_kept_as_the_scan_found_it() {
    struct Watcher<'a>(&'a Path, Mutex<Vec<String>>);
    impl Observer for Watcher<'_> {
        fn phase(&self, phase: Phase) {
            if phase == Phase::Copy {
                fs::write(self.0, "x").unwrap();
            }
        }

        fn skipped(&self, error: &Error) {
            panic!("{error}");
        }

        fn outdated(&self, error: &Error) {
            self.1.lock().unwrap().push(error.to_string());
        }
    }
    let scene = Scene::new();
    scene.write("d/stays", noise(1, 50_000));
    for new in ["d/new", "new"] {
        let new = scene.source().join(new);
        let watcher = Watcher(&new, Mutex::default());
        let options = Options {
            unreadable: Unreadable::LeaveOut,
            existing: Existing::Replace,
            ..scene.options()
        };
        build(&options, &watcher).unwrap();
        assert_eq!(watcher.1.into_inner().unwrap().len(), 1);
        let image = check(&scene.image(), Keep::Yes);
        assert_eq!(inode(&image, b"/d/stays").size, 50_000);
        fs::remove_file(new).unwrap();
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_reported() {
    let scene = Scene::new();
    scene.write("d/file", "x");
    let run = |glob: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"))
            .args(["-f", "--exclude", glob])
            .args([scene.source(), scene.image()])
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    for glob in ["./d/file", "/d", "d/", "f*", "{d,e}", "**/file"] {
        assert_eq!(run(glob), "", "{glob}");
    }
    let whole = scene.source().join("d").into_os_string().into_string();
    for glob in ["source/d", &whole.unwrap(), "file/", "g"] {
        let warning = run(glob);
        assert!(warning.contains("matches nothing"), "{warning}");
        assert!(warning.contains(glob), "{warning}");
    }
}
