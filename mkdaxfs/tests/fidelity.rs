// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fidelity: everything in a tree is in its image.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{symlink, FileExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use mkdaxfs::Keep;
use rustix::fs::{
    chownat, lsetxattr, mknodat, utimensat, AtFlags, FileType, Gid, Mode, Timespec, Timestamps,
    Uid, XattrFlags, CWD, UTIME_OMIT,
};
use support::{check, contents, inode, noise, xattrs, Scene};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn make_node(path: &Path, file_type: FileType, (major, minor): (u32, u32)) {
    let device = rustix::fs::makedev(major, minor);
    mknodat(CWD, path, file_type, Mode::from_raw_mode(0o640), device).unwrap();
}

fn set_mtime(path: &Path, seconds: i64, nanoseconds: i64) {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds,
        },
    };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

#[test]
fn an_empty_tree_has_a_root_only() {
    let scene = Scene::new();
    set_mtime(&scene.source(), 7, 8);
    let summary = scene.build();
    assert_eq!(
        (summary.entries, summary.inodes, summary.directories),
        (1, 1, 1)
    );
    assert_eq!(summary.image_bytes, 8192);
}

#[test]
fn every_file_type_is_kept_and_none_is_opened() {
    let scene = Scene::new();
    let at = |name: &str| scene.source().join(name);
    scene.write("file", "bytes");
    scene.write("empty", "");
    scene.write("directory/file", "other");
    fs::create_dir(at("empty directory")).unwrap();
    symlink("file", at("symlink")).unwrap();
    symlink("x".repeat(4095), at("long symlink")).unwrap();
    // Opening a FIFO without a writer would never end.
    make_node(&at("fifo"), FileType::Fifo, (0, 0));
    let _listener = UnixListener::bind(at("socket")).unwrap();
    if is_root() {
        make_node(&at("null"), FileType::CharacterDevice, (1, 3));
        make_node(&at("largest"), FileType::CharacterDevice, (4095, 1_048_575));
        make_node(&at("whiteout"), FileType::CharacterDevice, (0, 0));
        make_node(&at("block"), FileType::BlockDevice, (259, 70_000));
    }
    let summary = scene.build();
    assert_eq!(
        (summary.files, summary.directories, summary.symlinks),
        (3, 3, 2)
    );
    assert_eq!(summary.special, if is_root() { 6 } else { 2 });
}

#[test]
fn hard_links_of_all_types_stay_links() {
    let scene = Scene::new();
    let at = |name: &str| scene.source().join(name);
    let one = scene.write("one", noise(1, 5000));
    fs::create_dir(at("a")).unwrap();
    fs::hard_link(&one, at("a/two")).unwrap();
    fs::hard_link(&one, at("three")).unwrap();
    symlink("one", at("link")).unwrap();
    fs::hard_link(at("link"), at("a/link")).unwrap();
    make_node(&at("fifo"), FileType::Fifo, (0, 0));
    fs::hard_link(at("fifo"), at("a/fifo")).unwrap();
    let summary = scene.build();
    assert_eq!((summary.entries, summary.inodes), (9, 5));
    let image = check(&scene.image(), Keep::Yes);
    assert_eq!(inode(&image, b"one").link_count, 3);
    assert_eq!(inode(&image, b"a/link").link_count, 2);
}

/// A link outside of the tree does not count: the image holds one name of the file.
#[test]
fn links_from_outside_are_not_counted() {
    let scene = Scene::new();
    let file = scene.write("file", "bytes");
    fs::hard_link(file, scene.dir.path().join("outside")).unwrap();
    support::build(&scene.options());
    assert_eq!(
        inode(&check(&scene.image(), Keep::Yes), b"file").link_count,
        1
    );
}

#[test]
fn permissions_owners_and_times_are_kept() {
    let scene = Scene::new();
    for (number, mode) in (0..).zip([0o4755, 0o2711, 0o1777, 0o000, 0o644]) {
        let file = scene.write(&format!("file {mode:o}"), "x");
        if is_root() {
            let (uid, gid) = (Uid::from_raw(1000 + number), Gid::from_raw(4_294_967_294));
            chownat(CWD, &file, Some(uid), Some(gid), AtFlags::empty()).unwrap();
        } else if mode == 0 {
            continue;
        }
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    }
    let times = [
        (-1, 999_999_999),
        (0, 0),
        (-2_000_000_000, 1),
        (4_000_000_000, 123_456_789),
    ];
    for (number, (seconds, nanoseconds)) in times.into_iter().enumerate() {
        set_mtime(
            &scene.write(&format!("time {number}"), "x"),
            seconds,
            nanoseconds,
        );
    }
    symlink("nowhere", scene.source().join("link")).unwrap();
    set_mtime(&scene.source().join("link"), 5, 6);
    set_mtime(&scene.source(), -3, 4);
    scene.build();
}

#[test]
fn names_are_any_bytes_of_any_length() {
    let scene = Scene::new();
    let mut names: Vec<Vec<u8>> = (1..=255_u8)
        .filter(|&b| b != b'/' && b != b'.')
        .map(|b| vec![b])
        .collect();
    names.extend([
        b"...".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        vec![b'x'; 255],
        vec![0x80; 254],
    ]);
    for name in &names {
        fs::write(scene.source().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let summary = scene.build();
    assert_eq!(summary.files, u64::try_from(names.len()).unwrap());
}

#[test]
fn a_path_may_be_longer_than_the_system_takes() {
    let scene = Scene::new();
    let name = "d".repeat(200);
    let mut at = fs::canonicalize(scene.source()).unwrap();
    let mut open = rustix::fs::open(&at, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..40 {
        rustix::fs::mkdirat(&open, &name, Mode::from_raw_mode(0o755)).unwrap();
        open =
            rustix::fs::openat(&open, &name, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
        at.push(&name);
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = rustix::fs::openat(&open, "file", flags, Mode::from_raw_mode(0o644)).unwrap();
    File::from(file).write_all_at(b"deep", 0).unwrap();
    let summary = support::build(&scene.options());
    assert_eq!(summary.entries, 42);
    let path = [vec![name.as_str(); 40].join("/").as_bytes(), b"/file"].concat();
    let image = check(&scene.image(), Keep::Yes);
    assert_eq!(contents(&image, &inode(&image, &path)), b"deep");
}

#[test]
fn a_directory_may_have_many_entries() {
    let scene = Scene::new();
    let first = scene.write("0", "");
    for number in 1..20_000 {
        let path = scene.source().join(format!("{number}"));
        // Linking is faster than creating; ext4 allows 65,000 links.
        fs::hard_link(&first, path).unwrap();
    }
    let summary = scene.build();
    assert_eq!((summary.entries, summary.inodes), (20_001, 2));
}

#[test]
fn extended_attributes_and_acls_are_kept_and_equal_sets_are_stored_once() {
    let scene = Scene::new();
    let set = |path: &Path, name: &str, value: &[u8]| {
        lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
    };
    let (one, two) = (scene.write("one", "x"), scene.write("two", "y"));
    fs::create_dir(scene.source().join("d")).unwrap();
    let directory = scene.source().join("d");
    for path in [&one, &two] {
        set(path, "user.b", b"");
        set(path, "user.a", &noise(1, 1000));
    }
    set(&directory, "user.a", b"other");
    if is_root() {
        set(&one, "trusted.overlay.opaque", b"y");
        set(&two, "trusted.overlay.opaque", b"y");
        let capability = [&[1, 0, 0, 2][..], &[0; 16]].concat();
        set(
            &scene.write("program", "z"),
            "security.capability",
            &capability,
        );
        symlink("x", scene.source().join("link")).unwrap();
        set(&scene.source().join("link"), "trusted.on.a.link", b"1");
        set(&scene.source(), "trusted.root", b"1");
    }
    let acl = acl(&[
        (1, 6, u32::MAX),
        (2, 7, 1000),
        (4, 4, u32::MAX),
        (16, 7, u32::MAX),
        (32, 0, u32::MAX),
    ]);
    let with_acl = scene.write("acl", "a");
    if rustix::fs::setxattr(
        &with_acl,
        "system.posix_acl_access",
        &acl,
        XattrFlags::empty(),
    )
    .is_ok()
    {
        set(&directory, "system.posix_acl_default", &acl);
    }
    scene.build();
    let image = check(&scene.image(), Keep::Yes);
    assert_eq!(inode(&image, b"one").xattrs, inode(&image, b"two").xattrs);
    assert_ne!(inode(&image, b"one").xattrs, inode(&image, b"d").xattrs);
    assert_eq!(
        xattrs(&image, &inode(&image, b"one"))[&b"user.a"[..]],
        noise(1, 1000)
    );
}

fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    value
}

#[test]
fn sizes_around_every_boundary_are_kept() {
    let scene = Scene::new();
    let sizes = [
        1, 4095, 4096, 4097, 5119, 5120, 5121, 65535, 65536, 65537, 262_143, 262_144, 262_145,
    ];
    let large = [
        524_287,
        524_288,
        786_433,
        (2 << 20) - 1,
        2 << 20,
        (2 << 20) + 1,
        5_000_000,
    ];
    for (seed, &size) in (0..).zip(sizes.iter().chain(&large)) {
        scene.write(&format!("a{size}"), noise(seed, size));
        let program = scene.write(&format!("b{size}"), noise(seed + 100, size));
        fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
    }
    scene.build();
    for page in [mkdaxfs::PageSize::K16, mkdaxfs::PageSize::K64] {
        let image = scene.dir.path().join(format!("image {page:?}"));
        support::build(&mkdaxfs::Options {
            page,
            image: image.clone(),
            ..scene.options()
        });
        support::compare(&scene.source(), &image);
    }
}
