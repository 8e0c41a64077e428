// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of file that IMAGE may name. The table is in docs/guide.md.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{symlink, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mkdaxfs::Keep;
use support::{check, noise, Scene};

/// A tree, and an image of it.
struct Case {
    scene: Scene,
    expected: Vec<u8>,
}

impl Case {
    fn new() -> Self {
        let scene = Scene::new();
        scene.write("file", noise(1, 300_000));
        scene.write("small", "bytes");
        let reference = scene.dir.path().join("reference");
        let options = mkdaxfs::Options::new(scene.source(), &reference);
        mkdaxfs::build(&options, &()).unwrap();
        check(&reference, Keep::Yes);
        let expected = fs::read(&reference).unwrap();
        fs::remove_file(reference).unwrap();
        Self { scene, expected }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scene.dir.path().join(name)
    }

    fn command(&self, args: &[&str], image: impl AsRef<Path>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
        command.env("TMPDIR", self.scene.dir.path()).args(args);
        command.arg(self.scene.source()).arg(image.as_ref());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str], image: impl AsRef<Path>) -> Output {
        self.command(args, image).output().unwrap()
    }

    /// Checks that an image is refused with a message, with and without `--force`, and that nothing
    /// has changed.
    fn refused(&self, image: impl AsRef<Path>, message: &str) {
        let before = self.scene.leftovers();
        for args in [&["-q"][..], &["-q", "-f"]] {
            let output = self.run(args, image.as_ref());
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(stderr.contains(message), "{stderr}");
            assert_eq!(self.scene.leftovers(), before);
        }
    }

    /// Checks that a build has succeeded, and where its image lies.
    fn written(&self, output: &Output, image: &Path) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(fs::read(image).unwrap() == self.expected);
    }
}

#[test]
fn standard_output_gets_the_image_and_standard_error_the_summary() {
    let case = Case::new();
    for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        for args in [&["-f"][..], &["--json"]] {
            let output = case.run(args, name);
            assert!(output.status.success(), "{name}");
            assert!(output.stdout == case.expected, "{name}");
            let summary = String::from_utf8(output.stderr).unwrap();
            assert!(summary.contains("sha256:"), "{summary}");
        }
        // A file, behind bytes that it has already.
        let path = case.at("out");
        fs::write(&path, "before").unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        let output = case.command(&["-q"], name).stdout(file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        let bytes = fs::read(&path).unwrap();
        assert!(bytes == [&b"before"[..], &case.expected].concat());
    }
    assert!(!Path::new("-").exists());
    case.written(&case.run(&["-q"], case.at("-")), &case.at("-"));
}

#[test]
fn standard_output_that_cannot_be_written_is_an_error() {
    let case = Case::new();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let (_, closed) = rustix::pipe::pipe().unwrap();
    for (stdout, message) in [
        (full().into(), "No space left on device"),
        (Stdio::from(closed), "Broken pipe"),
        (
            File::open("/dev/null").unwrap().into(),
            "is open for reading only",
        ),
    ] {
        let output = case.command(&["-q"], "-").stdout(stdout).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
        assert_eq!(case.scene.leftovers(), [""; 0]);
    }
}

#[test]
fn a_fifo_gets_the_image_with_and_without_a_link_to_it() {
    let case = Case::new();
    let fifo = case.at("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
    symlink("fifo", case.at("link")).unwrap();
    for (args, name) in [(&["-q"][..], "fifo"), (&["-q", "-f"], "link")] {
        let mut child = case.command(args, case.at(name)).spawn().unwrap();
        let mut bytes = Vec::new();
        File::open(&fifo).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(bytes == case.expected);
    }
    assert_eq!(case.scene.leftovers().len(), 2);
}

#[test]
fn files_that_are_not_regular_are_refused_and_kept() {
    let case = Case::new();
    fs::create_dir(case.at("directory")).unwrap();
    let _listener = UnixListener::bind(case.at("socket")).unwrap();
    for (name, target) in [
        ("to-directory", "directory"),
        ("to-socket", "socket"),
        ("to-device", "/dev/null"),
        ("to-nothing", "nothing"),
        ("to-itself", "to-itself"),
    ] {
        symlink(target, case.at(name)).unwrap();
    }
    for (name, message) in [
        ("directory", "is a directory"),
        ("directory/", "is a directory"),
        ("absent/", "is a directory"),
        (".", "is a directory"),
        ("to-directory", "is a directory"),
        ("socket", "is a socket"),
        ("to-socket", "is a socket"),
        ("/dev/null", "is a character device"),
        ("/dev/full", "is a character device"),
        ("to-device", "is a character device"),
        (
            "to-nothing",
            "is a symbolic link to a file that does not exist",
        ),
        ("to-itself", "Too many levels of symbolic links"),
        ("absent/image", "cannot open the directory"),
        ("socket/image", "cannot look for the image"),
    ] {
        case.refused(case.at(name), message);
    }
    case.refused(case.at(&"x".repeat(256)), "File name too long");
    case.refused("", "is an empty name");
}

#[test]
fn a_regular_file_is_replaced_under_one_name() {
    let case = Case::new();
    let image = case.at("image");
    let old = |path: &Path| fs::read(path).unwrap() == b"old";
    fs::write(&image, "old").unwrap();
    fs::hard_link(&image, case.at("other")).unwrap();
    fs::set_permissions(&image, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(case.run(&["-q"], &image).status.code(), Some(1));
    assert!(old(&image));
    case.written(&case.run(&["-q", "-f"], &image), &image);
    assert!(old(&case.at("other")));
    assert_eq!(fs::metadata(&image).unwrap().mode() & 0o444, 0o444);
}

#[test]
fn a_link_to_a_file_is_followed_and_kept() {
    let case = Case::new();
    fs::create_dir(case.at("directory")).unwrap();
    let target = case.at("directory/target");
    let link = case.at("link");
    symlink("directory/target", &link).unwrap();
    symlink("link", case.at("chain")).unwrap();
    for name in ["link", "chain"] {
        fs::write(&target, "old").unwrap();
        let output = case.run(&["-q"], case.at(name));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains(&format!("/{name} exists")), "{stderr}");
        assert_eq!(fs::read(&target).unwrap(), b"old");
        case.written(&case.run(&["-q", "-f"], case.at(name)), &target);
        assert!(fs::symlink_metadata(case.at(name)).unwrap().is_symlink());
    }
    assert_eq!(fs::read_dir(case.at("directory")).unwrap().count(), 1);
}

/// The link is part of the tree, and the image is not.
#[test]
fn an_image_behind_a_link_is_left_out_of_its_own_tree() {
    let case = Case::new();
    case.scene.write("old", "old");
    let link = case.scene.source().join("link");
    symlink("old", &link).unwrap();
    let output = case.run(&["-q", "-f"], &link);
    assert!(output.status.success(), "{output:?}");
    let image = check(&case.scene.source().join("old"), Keep::Yes);
    assert_eq!(image.inode_count(), 4);
    support::inode(&image, b"small");
}

#[test]
fn a_dry_run_needs_no_image_and_looks_at_none() {
    let case = Case::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
    let output = command.arg("-n").arg(case.scene.source()).output().unwrap();
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.starts_with("image: would be "), "{summary}");
    for image in ["/dev/null", "-", "absent/image"] {
        let output = case.run(&["-n"], image);
        assert!(output.status.success());
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
    let alone = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"))
        .arg(case.scene.source())
        .output()
        .unwrap();
    assert_eq!(alone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("IMAGE is missing"));
}

#[test]
fn a_temporary_directory_that_cannot_be_used_is_named() {
    let case = Case::new();
    let mut command = case.command(&["-q"], "-");
    let output = command.env("TMPDIR", case.at("absent")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("/absent: No such file"), "{stderr}");
}

/// The library opens them as `/dev/null`, so no file of the build gets their numbers.
#[test]
fn closed_descriptors_do_no_harm() {
    let case = Case::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec \"$1\" -f \"$2\" \"$3\" {closed}");
        let output = Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_mkdaxfs")])
            .arg(case.scene.source())
            .arg(case.at("image"))
            .output()
            .unwrap();
        case.written(&output, &case.at("image"));
    }
}
