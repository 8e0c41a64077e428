// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options that change metadata: owners, times, links, extended attributes.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use daxfs_image::FileImage;
use mkdaxfs::Keep;
use rustix::fs::{setxattr, XattrFlags};
use support::{check, inode, xattrs, Scene};

fn command(scene: &Scene, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
    command.env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
    command.arg("-f").args(args);
    command.arg(scene.source()).arg(scene.image());
    command
}

fn run(scene: &Scene, args: &[&str]) -> Output {
    command(scene, args).output().unwrap()
}

/// Builds twice with these arguments, compares, and returns the checked image.
fn built(scene: &Scene, args: &[&str]) -> FileImage {
    let mut images = Vec::new();
    for threads in ["-j1", "-j5"] {
        let output = run(scene, &[args, &[threads]].concat());
        assert!(output.status.success(), "{output:?}");
        images.push(fs::read(scene.image()).unwrap());
    }
    assert!(images[0] == images[1], "{args:?}");
    check(&scene.image(), Keep::Yes)
}

/// Checks that arguments end the run with a status and a message, and no image.
fn refused(scene: &Scene, args: &[&str], status: i32, message: &str) {
    let output = run(scene, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
    assert!(stderr.contains(message), "{args:?}: {stderr}");
    assert!(!scene.image().exists());
}

fn owners(image: &FileImage) -> Vec<(u32, u32)> {
    let inodes = image.inode_numbers().map(|ino| image.inode(ino).unwrap());
    let mut owners: Vec<_> = inodes.map(|inode| (inode.uid, inode.gid)).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

#[test]
fn names_of_owners_are_those_of_the_image() {
    let scene = Scene::new();
    scene.write("etc/passwd", "root:x:0:0::/:\nstrange:x:4242:1::/:\n");
    scene.write("usr/lib/group", "strange:x:77:\n");
    // A link in the tree leads to a file of the tree.
    symlink("/usr/lib/group", scene.source().join("etc/group")).unwrap();
    let args = ["--force-uid", "strange", "--force-gid", "strange"];
    assert_eq!(owners(&built(&scene, &args)), [(4242, 77)]);
    let args = ["--force-uid", "root", "--force-gid", "root"];
    assert_eq!(owners(&built(&scene, &args)), [(0, 0)]);
    fs::remove_file(scene.image()).unwrap();
    let message = "daemon is not in /etc/passwd of the image";
    refused(&scene, &["--force-uid", "daemon"], 2, message);
    refused(&scene, &["--force-gid", "4242x"], 2, "not a number from 0");
}

/// The list is in the source that has its path in the image.
#[test]
fn names_of_owners_are_found_in_the_source_that_has_them() {
    let scene = Scene::new();
    scene.write("passwd", "strange:x:4242:1::/:\n");
    let output = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"))
        .args(["-q", "--force-uid", "strange", "--force-gid", "5"])
        .arg(format!("etc={}", scene.source().display()))
        .arg(scene.image())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(owners(&check(&scene.image(), Keep::Yes)), [(4242, 5)]);
}

#[test]
fn owners_are_mapped_or_refused_by_name() {
    let scene = Scene::new();
    let file = scene.write("d/file", "bytes");
    let status = fs::metadata(&file).unwrap();
    let map = |id: u32, to: u32| format!("{id}:{to}:3");
    let (uids, gids) = (map(status.uid(), 70), map(status.gid(), 80));
    let args = ["--uid-map", &uids, "--gid-map", &gids];
    assert_eq!(owners(&built(&scene, &args)), [(70, 80)]);
    let args = ["--uid-map", &uids, "--force-gid", "9"];
    assert_eq!(owners(&built(&scene, &args)), [(70, 9)]);
    fs::remove_file(scene.image()).unwrap();
    let other = map(status.uid() + 5, 0);
    let message = format!("no range of --uid-map has user {}", status.uid());
    refused(&scene, &["--uid-map", &other], 1, &message);
    let other = map(status.gid() + 5, 0);
    let message = format!("no range of --gid-map has group {}", status.gid());
    refused(&scene, &["--gid-map", &other], 1, &message);
    for (args, message) in [
        (&["--uid-map", "1:2"][..], "not FROM:TO:COUNT"),
        (&["--uid-map", "1:2:0"], "at least one number"),
        (
            &["--uid-map", "0:0:9", "--uid-map", "8:20:1"],
            "same numbers",
        ),
        (&["--gid-map", "0:0:9", "--gid-map", "8:20:1"], "--gid-map"),
        (
            &["--uid-map", "0:0:9", "--force-uid", "0"],
            "cannot be used",
        ),
        (&["--gid-map", "0:0:9", "--all-root"], "cannot be used"),
    ] {
        refused(&scene, args, 2, message);
    }
}

#[test]
fn times_are_dates_too() {
    let scene = Scene::new();
    scene.write("file", "bytes");
    for time in [
        "2024-02-29T12:00:00Z",
        "@1709208000",
        "2024-02-29 13:00+01:00",
    ] {
        let image = built(&scene, &["--mtime", time]);
        assert_eq!(
            inode(&image, b"file").mtime.seconds,
            1_709_208_000,
            "{time}"
        );
    }
    fs::remove_file(scene.image()).unwrap();
    refused(&scene, &["--mtime", "yesterday"], 2, "not a date such as");
}

#[test]
fn hard_links_become_files() {
    let scene = Scene::new();
    let file = scene.write("a", "x".repeat(10_000));
    fs::hard_link(&file, scene.source().join("b")).unwrap();
    symlink("a", scene.source().join("s")).unwrap();
    rustix::fs::linkat(
        rustix::fs::CWD,
        scene.source().join("s"),
        rustix::fs::CWD,
        scene.source().join("t"),
        rustix::fs::AtFlags::empty(),
    )
    .unwrap();
    let linked = built(&scene, &[]);
    assert_eq!(
        (linked.inode_count(), inode(&linked, b"a").link_count),
        (3, 2)
    );
    let image = built(&scene, &["--hard-dereference"]);
    assert_eq!(
        (image.inode_count(), inode(&image, b"a").link_count),
        (5, 1)
    );
    for name in [b"a", b"b"] {
        assert_eq!(
            support::contents(&image, &inode(&image, name)).len(),
            10_000
        );
    }
    assert_eq!(
        image.superblock().image_size(),
        linked.superblock().image_size()
    );
}

fn set(path: &Path, name: &str, value: &str) {
    setxattr(path, name, value.as_bytes(), XattrFlags::empty()).unwrap();
}

/// The attributes of a file in an image, in lines.
fn shown(image: &FileImage, path: &str) -> Vec<String> {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    xattrs(image, &inode(image, path.as_bytes()))
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)))
        .collect()
}

#[test]
fn extended_attributes_are_chosen_by_name() {
    let scene = Scene::new();
    let file = scene.write("file", "x");
    for name in ["user.a", "user.b", "user.mime.type"] {
        set(&file, name, "1");
    }
    for (args, expected) in [
        (&[][..], &["user.a=1", "user.b=1", "user.mime.type=1"][..]),
        (&["--xattrs-include", "user.?"], &["user.a=1", "user.b=1"]),
        (&["--xattrs-exclude", "user.m*"], &["user.a=1", "user.b=1"]),
        (
            &["--xattrs-include", "user.*", "--xattrs-exclude", "*.b"],
            &["user.a=1", "user.mime.type=1"],
        ),
        (&["--xattrs-exclude", "*"], &[]),
        (&["--no-xattrs"], &[]),
    ] {
        assert_eq!(shown(&built(&scene, args), "file"), expected, "{args:?}");
    }
}

#[test]
fn extended_attributes_are_added_to_files_that_match() {
    let scene = Scene::new();
    set(&scene.write("bin/a", "x"), "user.a", "old");
    scene.write("bin/b", "x");
    fs::hard_link(scene.source().join("bin/b"), scene.source().join("c")).unwrap();
    let image = built(
        &scene,
        &[
            "--xattrs-exclude",
            "user.*",
            "--xattrs-add",
            "bin/*",
            "user.a=new",
            "--xattrs-add",
            "c",
            "security.capability=0x0100000200040000000000000000000000000000",
            "--xattrs-add",
            "/",
            "trusted.overlay.opaque=y",
        ],
    );
    assert_eq!(shown(&image, "bin/a"), ["user.a=new"]);
    assert_eq!(shown(&image, "bin/b").len(), 2);
    assert!(shown(&image, "bin/b")[0].starts_with("security.capability=\\x01\\x00\\x00\\x02"));
    assert_eq!(shown(&image, ""), ["trusted.overlay.opaque=y"]);
    assert_eq!(shown(&image, "bin"), [""; 0]);
    fs::remove_file(scene.image()).unwrap();
    for (args, status, message) in [
        (
            &["--xattrs-add", "absent", "user.a=1"][..],
            1,
            "absent: --xattrs-add: no file matches",
        ),
        (&["--xattrs-add", "bin/[", "user.a=1"], 2, "bad pattern"),
        (&["--xattrs-include", "["], 2, "bad pattern"),
        (
            &["--xattrs-add", "c", "a=1"],
            2,
            "images have no attribute a",
        ),
        (&["--xattrs-add", "c", "user.a"], 2, "not NAME=VALUE"),
        (&["--xattrs-add", "c", "user.a=0x1"], 2, "even number"),
        (
            &["--xattrs-add", "c", "system.posix_acl_access=x"],
            1,
            "its ACL is malformed",
        ),
        (
            &["--no-xattrs", "--xattrs-include", "*"],
            2,
            "cannot be used",
        ),
    ] {
        refused(&scene, args, status, message);
    }
}
