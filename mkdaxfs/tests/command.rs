// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command: options, output, exit status, limits.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Output, Stdio};

use daxfs_image::format::Timestamp;
use mkdaxfs::Keep;
use support::{check, inode, noise, Scene};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
    command.env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
    command
}

fn run(scene: &Scene, args: &[&str]) -> Output {
    command()
        .args(args)
        .arg(scene.source())
        .arg(scene.image())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Builds with these arguments and returns the checked image.
fn built(scene: &Scene, args: &[&str]) -> daxfs_image::FileImage {
    let output = run(scene, args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let image = check(&scene.image(), Keep::No);
    fs::remove_file(scene.image()).unwrap();
    image
}

fn names(image: &daxfs_image::FileImage) -> Vec<String> {
    let mut walk = daxfs_image::walk::Walk::new(image).unwrap();
    let mut names = Vec::new();
    while let Some(step) = walk.step() {
        names.push(String::from_utf8(step.path.to_vec()).unwrap());
    }
    names.sort();
    names
}

#[test]
fn label_and_uuid_are_as_asked_for() {
    let scene = Scene::new();
    let uuid = "12345678-9abc-def0-1234-56789abcdef0";
    let image = built(&scene, &["-L", "root", "--uuid", uuid]);
    assert_eq!(image.superblock().label(), b"root");
    assert_eq!(image.superblock().uuid()[..4], [0x12, 0x34, 0x56, 0x78]);
    let derived = |content: &str| {
        scene.write("file", content);
        built(&scene, &["--mtime", "0"]).superblock().uuid()
    };
    let (one, two) = (derived("one"), derived("two"));
    assert_ne!(one, two);
    assert_eq!(derived("one"), one);
    assert_eq!((one[6] >> 4, one[8] >> 6), (8, 2), "version and variant");
}

#[test]
fn owners_can_be_forced() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test gives a file away: run it as root"
    );
    let scene = Scene::new();
    let file = scene.write("d/file", "bytes");
    std::os::unix::fs::chown(file, Some(12), Some(34)).unwrap();
    for (args, owner) in [
        (&["--all-root"][..], (0, 0)),
        (
            &["--force-uid", "7", "--force-gid", "4294967294"],
            (7, 4_294_967_294),
        ),
    ] {
        let image = built(&scene, args);
        for ino in image.inode_numbers() {
            let inode = image.inode(ino).unwrap();
            assert_eq!((inode.uid, inode.gid), owner);
        }
    }
}

#[test]
fn times_can_be_set_and_clamped() {
    let scene = Scene::new();
    let old = Timestamp {
        seconds: 1000,
        nanoseconds: 5,
    };
    let file = File::options()
        .write(true)
        .open(scene.write("old", "x"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1000, 5))
        .unwrap();
    scene.write("new", "x");
    let at = |seconds, nanoseconds| Timestamp {
        seconds,
        nanoseconds,
    };
    let times = |args: &[&str], epoch: Option<&str>| {
        let mut command = command();
        command
            .args(args)
            .arg("-f")
            .arg(scene.source())
            .arg(scene.image());
        let output = command
            .envs(epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let image = check(&scene.image(), Keep::Yes);
        (inode(&image, b"old").mtime, inode(&image, b"new").mtime)
    };
    let set = at(-2, 500_000_000);
    assert_eq!(times(&["--mtime", "-1.5"], None), (set, set));
    assert_eq!(
        times(&["--mtime", "2000", "--clamp-mtime"], None),
        (old, at(2000, 0))
    );
    assert_eq!(times(&[], Some("3000")), (old, at(3000, 0)));
    assert_eq!(times(&["--clamp-mtime"], Some("3000")), (old, at(3000, 0)));
    assert_eq!(times(&["--mtime", "7"], Some("3000")), (at(7, 0), at(7, 0)));
    let output = run(&scene, &["--clamp-mtime", "-f"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("SOURCE_DATE_EPOCH"));
}

/// The message does not name an option that the help does not have.
#[test]
fn a_bad_epoch_is_reported_as_the_variable() {
    let scene = Scene::new();
    for bad in [&b"soon"[..], b"", b"1\xff"] {
        let output = command()
            .env("SOURCE_DATE_EPOCH", OsStr::from_bytes(bad))
            .arg(scene.source())
            .arg(scene.image())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
        let message = text(&output.stderr);
        assert!(
            message.starts_with("error: SOURCE_DATE_EPOCH in the environment is '"),
            "{message}"
        );
        assert!(!message.contains("--source-date-epoch"), "{message}");
        assert!(!scene.image().exists());
    }
}

#[test]
fn matching_files_are_left_out() {
    let scene = Scene::new();
    for path in [
        "a.o", "a.c", "d/b.o", "d/e/c", "d/e/f/c", "#x", "cache/x", "d/cache", "tmp/y",
    ] {
        scene.write(path, "x");
    }
    let globs = scene.dir.path().join("globs");
    fs::write(&globs, "#x\n*.o\n\n/tmp\n").unwrap();
    let image = built(
        &scene,
        &[
            "--exclude",
            "cache/",
            "--exclude",
            "d/*/c",
            "--exclude-from",
            globs.to_str().unwrap(),
        ],
    );
    assert_eq!(
        names(&image),
        ["#x", "a.c", "d", "d/cache", "d/e", "d/e/f", "d/e/f/c"]
    );
    let output = run(&scene, &["-v", "--exclude", "*.c"]);
    assert!(
        text(&output.stderr).contains("a.c: a pattern matches"),
        "{}",
        text(&output.stderr)
    );
    let output = run(&scene, &["--exclude-from", "absent", "-f"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot read the globs in absent: No such file"));
}

#[test]
fn extended_attributes_can_be_left_out() {
    let scene = Scene::new();
    let file = scene.write("file", "x");
    rustix::fs::setxattr(file, "user.a", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    assert!(inode(&built(&scene, &[]), b"file").xattrs.is_some());
    assert!(inode(&built(&scene, &["--no-xattrs"]), b"file")
        .xattrs
        .is_none());
}

#[test]
fn pages_have_the_size_that_is_asked_for() {
    let scene = Scene::new();
    scene.write("file", noise(1, 100_000));
    for (size, shift) in [("4K", 12), ("16k", 14), ("64K", 16), ("16384", 14)] {
        assert_eq!(
            built(&scene, &["--page-size", size])
                .superblock()
                .page_shift(),
            shift
        );
    }
}

#[test]
fn the_summary_says_what_the_image_is() {
    let scene = Scene::new();
    scene.write("file", noise(1, 10_000));
    let output = run(&scene, &["--json"]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let identity = daxfs_image::file::open(&scene.image()).unwrap().identity();
    assert_eq!(summary["identity"], identity.to_string());
    daxfs_test_json::validate(&summary).unwrap();
    assert_eq!(summary["record"], "build");
    assert_eq!(summary["files"], 1);
    assert_eq!(summary["content_bytes"], 10_000);
    let output = run(&scene, &["-f"]);
    assert!(text(&output.stdout).contains(&identity.to_string()));
    assert!(text(&output.stdout).contains("2 inodes: 1 file, 1 directory, 0 symlinks"));
    assert!(output.stderr.is_empty(), "no progress without a terminal");
    let output = run(&scene, &["-f", "-q"]);
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    let output = run(&scene, &["-n", "--page-size", "64K"]);
    assert!(text(&output.stdout).contains("would be"));
    assert_eq!(
        check(&scene.image(), Keep::Yes).superblock().page_shift(),
        12,
        "untouched"
    );
}

#[test]
fn a_wrong_command_line_is_told_from_a_failure() {
    let scene = Scene::new();
    for args in [
        &["--page-size", "8K"][..],
        &["--pack-below", "65K"],
        &["--force-uid", "4294967295"],
        &["--all-root", "--force-uid", "1"],
        &["-U", "x"],
        &["-j", "0"],
        &["-q", "-v"],
        &["--mtime", "noon"],
        &["--frobnicate"],
    ] {
        assert_eq!(run(&scene, args).status.code(), Some(2), "{args:?}");
    }
    fs::write(scene.image(), "").unwrap();
    let output = run(&scene, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("exists"));
    assert!(text(&output.stderr).contains("--force"));
    let short = command().arg(scene.source()).output().unwrap();
    assert_eq!(short.status.code(), Some(2));
}

#[test]
fn names_do_not_act_on_the_terminal() {
    let scene = Scene::new();
    scene.write("left \u{1b}[31mout\nhere", "x");
    let output = run(&scene, &["-v", "--exclude", "left*"]);
    let stderr = text(&output.stderr);
    let line = r"/left \x1b[31mout\x0ahere: a pattern matches";
    let shown = stderr.lines().any(|found| found.ends_with(line));
    assert!(shown, "{stderr:?}");
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn a_bad_pattern_is_found_in_its_file() {
    let scene = Scene::new();
    let patterns = scene.dir.path().join("patterns");
    fs::write(&patterns, "# comment\n*.o\n[bad\n").unwrap();
    let output = run(&scene, &["--exclude-from", patterns.to_str().unwrap()]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("patterns, line 3: bad pattern"), "{stderr}");
    assert!(!scene.image().exists());
}

#[test]
fn threads_have_a_limit() {
    let scene = Scene::new();
    assert_eq!(run(&scene, &["-j", "1025"]).status.code(), Some(2));
    assert_eq!(run(&scene, &["-j", "1024"]).status.code(), Some(0));
}

/// Runs a shell with a script; `$1` is the command, `$2` the source, `$3` the image.
fn shell(scene: &Scene, script: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_mkdaxfs")]);
    command
        .arg(scene.source())
        .arg(scene.image())
        .output()
        .unwrap()
}

#[test]
fn a_limit_on_file_sizes_is_an_error_of_the_write() {
    let scene = Scene::new();
    scene.write("file", noise(1, 3_000_000));
    // In blocks of 512 bytes.
    let output = shell(&scene, "ulimit -f 1000; exec \"$1\" \"$2\" \"$3\"");
    assert_eq!(output.status.code(), Some(1), "{:?}", output.status);
    let message = text(&output.stderr);
    assert!(message.contains("cannot write the image") && message.contains("File too large"));
    assert!(message.contains("ulimit"));
    assert!(scene.leftovers().is_empty());
}

#[test]
fn a_full_disk_is_an_error_of_the_write() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test mounts a small file system: run it as root"
    );
    let scene = Scene::new();
    scene.write("file", noise(1, 3_000_000));
    let script = "mkdir \"$3\" && mount -t tmpfs -o size=1M none \"$3\" && \
                  \"$1\" \"$2\" \"$3/image\"; code=$?; ls -A \"$3\"; umount \"$3\"; exit $code";
    let output = Command::new("unshare")
        .args([
            "-m",
            "sh",
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_mkdaxfs"),
        ])
        .arg(scene.source())
        .arg(scene.dir.path().join("small"))
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write the image"), "{message}");
    assert!(
        message.contains("No space left") && message.contains("--dry-run"),
        "{message}"
    );
    assert!(
        output.stdout.is_empty(),
        "left behind: {}",
        text(&output.stdout)
    );
}

#[test]
fn mount_points_are_crossed_or_kept_as_empty_directories() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test mounts a file system: run it as root"
    );
    let scene = Scene::new();
    scene.write("file", "x");
    scene.write("covered", "x");
    fs::create_dir(scene.source().join("mnt")).unwrap();
    // SOURCE is a mount point too.
    let script = "set -e; mount --bind \"$2\" \"$2\"; mount -t tmpfs none \"$2/mnt\"; \
                  echo y >\"$2/mnt/y\"; mkdir \"$2/mnt/d\"; mount --bind \"$2/mnt/y\" \"$2/covered\"; \
                  \"$1\" -q \"$2\" \"$3\"; \"$1\" -v -x \"$2\" \"$3.x\"";
    let output = Command::new("unshare")
        .args([
            "-m",
            "sh",
            "-c",
            script,
            "sh",
            env!("CARGO_BIN_EXE_mkdaxfs"),
        ])
        .arg(scene.source())
        .arg(scene.image())
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("/mnt: the file system that is mounted here;"),
        "{stderr}"
    );
    let crossed = check(&scene.image(), Keep::Yes);
    assert_eq!(
        names(&crossed),
        ["covered", "file", "mnt", "mnt/d", "mnt/y"]
    );
    let stayed = check(&scene.image().with_extension("x"), Keep::Yes);
    // A file that is mounted on another one is not a boundary, as for find -xdev and tar.
    assert_eq!(names(&stayed), ["covered", "file", "mnt"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test gives up rights: run it as root"
    );
    let scene = Scene::new();
    let secret = scene.write("d/secret", "x");
    for path in [scene.dir.path(), &scene.source(), &scene.source().join("d")] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let script = "cp \"$1\" \"$(dirname \"$3\")/mkdaxfs\" && cd / && exec setpriv --reuid=65534 --regid=65534 \
                  --clear-groups \"$(dirname \"$3\")/mkdaxfs\" \"$2\" \"$3\"";
    let output = shell(&scene, script);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let expected = format!("cannot open {}: Permission denied", secret.display());
    assert!(message.contains(&expected), "{message}");
    assert!(message.contains("--exclude"), "{message}");
    assert_eq!(scene.leftovers(), ["mkdaxfs"]);
}

#[test]
fn full_outputs_do_not_panic_and_lost_results_are_failures() {
    let scene = Scene::new();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (args, lost) in [(&["--help"][..], 2), (&["--version"], 2), (&["-n"], 1)] {
        let mut child = command();
        child.args(args).arg(scene.source()).arg(scene.image());
        assert_eq!(child.stdout(full()).status().unwrap().code(), Some(lost));
    }
    for (args, status) in [(&["-v", "-n"][..], 0), (&["-U", "x"], 2), (&["absent"], 1)] {
        let mut child = command();
        child.args(args).arg(scene.source()).arg(scene.image());
        child.stdout(Stdio::null()).stderr(full());
        assert_eq!(child.status().unwrap().code(), Some(status), "{args:?}");
    }
}
