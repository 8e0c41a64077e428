// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extraction restores everything, and writes nothing elsewhere. Requires root for owners and
//! devices.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use daxfs_fsck::extract::{self, Existing, Restore, Summary, Target};
use daxfs_fsck::select::Selection;
use daxfs_image::format::SectionKind;
use daxfs_testtree::compare::Differences;
use daxfs_testtree::{oddities, record};
use rustix::fs::{lsetxattr, mkdirat, openat, Mode, OFlags, XattrFlags, CWD};
use support::{check, damage, field, find, forge, fsck, inode, open, run, Run, Scratch};

fn extract(image: &Path, target: &Path, arguments: &[&str]) -> Run {
    run(fsck()
        .args(arguments)
        .arg("--extract")
        .arg(target)
        .arg(image))
}

/// Extracts without the check that comes before it, as from an image that changes after the check.
fn extract_unchecked(image: &Path, target: &Path, existing: Existing) -> anyhow::Result<Summary> {
    extract::extract(
        &open(image),
        &Selection::all(),
        &Target::new(target, existing, Restore::ALL)?,
        2,
        &|_| {},
    )
}

/// Says so past the harness, which hides the output of a test that passes.
fn not_tested(reason: &str) {
    let _ = writeln!(io::stdout(), "not tested: {reason}");
}

/// Extracts where each link fails. `None` without a program that lets calls fail.
fn strace_denying_links(image: &Path, target: &Path) -> Option<Run> {
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "trace=linkat",
        "-e",
        "inject=linkat:error=EMLINK",
    ]);
    command
        .arg(env!("CARGO_BIN_EXE_daxfs-fsck"))
        .arg("--extract")
        .arg(target)
        .arg(image);
    let version = Command::new("strace")
        .args(["-e", "trace=none", "true"])
        .output()
        .ok()?;
    version.status.success().then(|| run(&mut command))
}

fn assert_same(left: &Path, right: &Path) {
    let trees = [left, right].map(|root| record::read(root).unwrap());
    let differences = Differences::after_image(&trees[0], &trees[1]);
    let lines: Vec<String> = differences.lines().collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn every_type_of_file_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let source = scratch.source();
    oddities::add(&source).unwrap();
    fs::set_permissions(&source, Permissions::from_mode(0o1751)).unwrap();
    let image = scratch.image();
    let target = scratch.join("target");
    let result = extract(&image, &target, &["--verify-data"]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert_same(&source, &target);
    // A second extraction over the first gives the same, and leaves nothing of the first.
    fs::write(target.join("srv/oddities/sizes/0"), b"changed").unwrap();
    fs::remove_file(target.join("srv/oddities/links/b-first")).unwrap();
    let again = extract(&image, &target, &["-q", "--force"]);
    assert_eq!((again.status, &*again.stdout, &*again.stderr), (0, "", ""));
    assert_same(&source, &target);
}

/// ext4 allows 65,000 links, so a file with as many cannot have one more for a moment.
#[test]
fn a_file_with_as_many_links_as_possible_comes_back() {
    const LIMIT: u64 = 65_000;
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::write(source.join("file"), b"x").unwrap();
    for number in 1..LIMIT {
        if fs::hard_link(source.join("file"), source.join(number.to_string())).is_err() {
            break;
        }
    }
    let links = fs::metadata(source.join("file")).unwrap().nlink();
    if fs::hard_link(source.join("file"), source.join("more")).is_ok() {
        not_tested("the file system of TMPDIR has no limit of links");
        fs::remove_file(source.join("more")).unwrap();
    }
    let image = scratch.image();
    let target = scratch.join("target");
    let result = extract(&image, &target, &[]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert!(
        result
            .stdout
            .contains(&format!(", {links} files extracted")),
        "{}",
        result.stdout
    );
    let names = fs::read_dir(&target).unwrap().count();
    assert_eq!(
        (u64::try_from(names), names),
        (Ok(links), usize::try_from(links).unwrap())
    );
    assert_eq!(fs::metadata(target.join("file")).unwrap().nlink(), links);
}

/// An image may have more links than the target allows.
#[test]
fn more_links_than_the_target_allows_become_copies() {
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::write(source.join("0"), b"content").unwrap();
    for number in 1..10 {
        fs::hard_link(source.join("0"), source.join(number.to_string())).unwrap();
    }
    let image = scratch.image();
    // As many more links in the staging directory as a limit would leave: none.
    let target = scratch.join("target");
    let linked = strace_denying_links(&image, &target);
    let Some(result) = linked else {
        return not_tested("strace is not installed, or cannot trace here");
    };
    assert_eq!(result.status, 64, "{result:?}");
    assert!(result
        .stderr
        .contains("the target allows no more links; it is a copy"));
    for number in 0..10 {
        assert_eq!(
            fs::read(target.join(number.to_string())).unwrap(),
            b"content"
        );
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 10);
}

/// A file whose staging directory is left over by a killed extraction, whatever its point.
#[test]
fn a_killed_extraction_can_be_repeated() {
    let scratch = Scratch::new();
    let source = scratch.source();
    oddities::add(&source).unwrap();
    let image = scratch.image();
    let started = Instant::now();
    assert_eq!(extract(&image, &scratch.join("whole"), &[]).status, 0);
    let whole = started.elapsed();
    let target = scratch.join("target");
    for step in 0..6 {
        let mut child = fsck()
            .args(["-q", "--force", "--extract"])
            .arg(&target)
            .arg(&image)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * step / 5);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let result = extract(&image, &target, &["--force"]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert_same(&source, &target);
}

/// A signal leaves a word about the target. Ended while the target is being filled, not before.
#[test]
fn an_interrupted_extraction_says_what_is_left() {
    let scratch = Scratch::new();
    let source = scratch.source();
    for number in 0..3000 {
        fs::write(source.join(number.to_string()), vec![1; 5000]).unwrap();
    }
    let image = scratch.image();
    let target = scratch.join("target");
    let mut child = fsck()
        .args(["-q", "-j1", "--extract"])
        .arg(&target)
        .arg(&image)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !target.join("0").exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_child(&child);
    let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return not_tested("the extraction was complete before the signal");
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!("interrupted; {} is incomplete", target.display());
    assert!(said.contains(&expected), "{said}");
}

/// Only remains of this program are removed: unlocked, of its name and form, not of the image.
#[test]
fn remains_of_killed_extractions_are_removed() {
    let scratch = Scratch::new();
    let of_image = ".daxfs-fsck.00000000000000ff";
    fs::create_dir(scratch.source().join(of_image)).unwrap();
    let image = scratch.small_image();
    let target = scratch.join("target");
    let (left, used, other) = (
        target.join(".daxfs-fsck.0000000000000001"),
        target.join(".daxfs-fsck.0000000000000002"),
        target.join(".daxfs-fsck.0000000000000003"),
    );
    for path in [&left, &used, &other] {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("17"), b"x").unwrap();
    }
    fs::write(other.join("mine"), b"x").unwrap();
    let lock = File::open(&used).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let refused = extract(&image, &target, &[]);
    assert_eq!(refused.status, 8);
    assert!(
        refused.stderr.contains("was not completed"),
        "{}",
        refused.stderr
    );
    let result = extract(&image, &target, &["--force"]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert!(!left.exists() && used.join("17").exists() && other.join("mine").exists());
    assert!(target.join(of_image).exists());
}

/// An ACL of the parent of the target must not be inherited by the tree.
#[test]
fn inherited_acls_are_not_added() {
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::create_dir(source.join("dir")).unwrap();
    fs::write(source.join("dir/file"), b"x").unwrap();
    let image = scratch.image();
    let parent = scratch.join("parent");
    fs::create_dir(&parent).unwrap();
    let entries: [(u16, u16, u32); 5] = [
        (1, 7, u32::MAX),
        (2, 6, 1000),
        (4, 5, u32::MAX),
        (16, 7, u32::MAX),
        (32, 5, u32::MAX),
    ];
    let mut acl = vec![2, 0, 0, 0];
    for (tag, permissions, id) in entries {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    lsetxattr(
        &parent,
        "system.posix_acl_default",
        &acl,
        XattrFlags::empty(),
    )
    .unwrap();
    fs::create_dir(parent.join("probe")).unwrap();
    let inherited = record::xattrs(&parent.join("probe")).unwrap();
    assert_eq!(inherited.len(), 2, "the ACL would be inherited");
    let target = parent.join("target");
    assert_eq!(extract(&image, &target, &[]).status, 0);
    assert_same(&source, &target);
    assert_eq!(extract(&image, &parent.join("probe"), &[]).status, 0);
    assert_same(&source, &parent.join("probe"));
}

#[test]
fn a_target_with_something_in_it_is_refused() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let target = scratch.join("target");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine"), b"mine").unwrap();
    let result = extract(&image, &target, &[]);
    assert_eq!(result.status, 8);
    assert!(result.stderr.contains("not empty"), "{}", result.stderr);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);

    let result = extract(&image, &target, &["--force"]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert_eq!(fs::read(target.join("mine")).unwrap(), b"mine");
    assert_eq!(fs::read(target.join("small")).unwrap(), b"a few bytes");

    let file = scratch.join("a file");
    fs::write(&file, b"").unwrap();
    assert_eq!(extract(&image, &file, &["--force"]).status, 8);
    let result = extract(&image, &scratch.join("no/parent"), &[]);
    assert_eq!(
        (result.status, &*result.stdout),
        (8, ""),
        "no verdict beside an error"
    );
}

#[test]
fn what_is_in_the_way_is_replaced_and_never_followed() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let (target, outside) = (scratch.join("target"), scratch.join("outside"));
    fs::create_dir(&target).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), b"untouched").unwrap();
    symlink(&outside, target.join("dir")).unwrap();
    symlink(outside.join("victim"), target.join("small")).unwrap();
    fs::create_dir(target.join("link")).unwrap();
    let result = extract(&image, &target, &["--force"]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    assert_same(&scratch.source(), &target);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("victim")).unwrap(), b"untouched");

    // A directory that is not empty is not replaced by a file.
    fs::remove_file(target.join("small")).unwrap();
    fs::create_dir(target.join("small")).unwrap();
    fs::write(target.join("small/kept"), b"kept").unwrap();
    let result = extract(&image, &target, &["--force"]);
    assert_eq!(result.status, 8);
    assert!(
        result.stderr.contains("/small: cannot create the file"),
        "{}",
        result.stderr
    );
    assert_eq!(fs::read(target.join("small/kept")).unwrap(), b"kept");
}

#[test]
fn an_image_with_findings_is_not_extracted() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let target = scratch.join("target");
    damage(&image, |bytes| {
        let offset = find(bytes, b"a few bytes");
        bytes[offset] = b'A';
    });
    let result = extract(&image, &target, &["--verify-data"]);
    assert_eq!((result.status, target.exists()), (4 | 8, false));
    assert!(
        result.stderr.contains("nothing was extracted"),
        "{}",
        result.stderr
    );
    // Contents are read only with --verify-data.
    assert_eq!(extract(&image, &target, &[]).status, 0);
}

#[test]
fn no_name_leads_out_of_the_target() {
    for name in [
        &b"../../etc"[..],
        b"/etc/evil",
        b"a/../../b",
        b"..\0xxxxxx",
        b"x/y/z/w/v",
    ] {
        let scratch = Scratch::new();
        let source = scratch.source();
        fs::write(source.join("climbs-up"), b"x").unwrap();
        let image = scratch.image();
        forge(&image, |bytes| {
            let at = find(bytes, b"climbs-up");
            bytes[at..][..9].copy_from_slice(name);
        });
        let target = scratch.join("a/b/c/target");
        fs::create_dir_all(&target).unwrap();
        let result = extract(&image, &target, &["-q"]);
        assert_eq!(result.status, 4 | 8);
        let error = extract_unchecked(&image, &target, Existing::Refuse).unwrap_err();
        assert!(format!("{error:#}").contains("entry-name"), "{error:#}");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
        assert_eq!(fs::read_dir(scratch.join("a/b/c")).unwrap().count(), 1);
    }
    // Names of one and two bytes become `.` and `..`.
    for (good, dots) in [("q", "."), ("qq", "..")] {
        let scratch = Scratch::new();
        fs::create_dir(scratch.source().join(good)).unwrap();
        let image = scratch.image();
        let unit = support::section(&image, SectionKind::Directories);
        forge(&image, |bytes| {
            let at = unit.start + 16;
            assert_eq!(&bytes[at..][..good.len()], good.as_bytes());
            bytes[at..][..dots.len()].copy_from_slice(dots.as_bytes());
        });
        let target = scratch.join("target");
        let error = extract_unchecked(&image, &target, Existing::Replace).unwrap_err();
        assert!(format!("{error:#}").contains("entry-name"), "{error:#}");
    }
}

/// A symlink and a directory with one name: the entries of the directory must not go through the
/// symlink.
#[test]
fn a_symlink_of_the_image_is_not_followed() {
    for existing in [Existing::Refuse, Existing::Replace] {
        let scratch = Scratch::new();
        let outside = scratch.join("outside");
        fs::create_dir(&outside).unwrap();
        let source = scratch.source();
        symlink(&outside, source.join("double-1")).unwrap();
        fs::create_dir(source.join("double-2")).unwrap();
        fs::write(source.join("double-2/inside"), b"x").unwrap();
        let image = scratch.image();
        forge(&image, |bytes| {
            let (one, two) = (find(bytes, b"double-1"), find(bytes, b"double-2"));
            bytes[one + 7] = b'x';
            bytes[two + 7] = b'x';
        });
        let target = scratch.join("target");
        assert_eq!(extract(&image, &target, &["-q"]).status, 4 | 8);
        let result = extract_unchecked(&image, &target, existing);
        assert_eq!(result.is_ok(), existing == Existing::Replace, "{result:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}

/// Directories with several names, which a check would have found, are entered once: otherwise a
/// short image would make an endless tree.
#[test]
fn no_directory_is_entered_twice() {
    for (name, other, expected) in [
        ("outer", "outer/inner", "directory-parent"),
        ("outer", "twin", "a second time"),
    ] {
        let scratch = Scratch::new();
        let source = scratch.source();
        fs::create_dir_all(source.join("outer/inner")).unwrap();
        fs::create_dir(source.join("twin")).unwrap();
        let image = scratch.image();
        let (first, second) = (inode(&image, name).ino, inode(&image, other).ino);
        let units = support::section(&image, SectionKind::Directories);
        forge(&image, |bytes| {
            // An entry begins with a hash; its inode number is the second word.
            let word = bytes[units.clone()]
                .chunks_exact(8)
                .position(|words| words[4..] == second.get().to_le_bytes())
                .unwrap();
            let at = units.start + word * 8 + 4;
            bytes[at..][..4].copy_from_slice(&first.get().to_le_bytes());
        });
        let error =
            extract_unchecked(&image, &scratch.join("target"), Existing::Refuse).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}

/// More levels than descriptors, than fit a path, and than a small stack could hold.
#[test]
fn a_deep_tree_takes_neither_descriptors_nor_stack() {
    const DEPTH: usize = 3000;
    let scratch = Scratch::new();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = openat(CWD, scratch.source(), flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", flags, Mode::empty()).unwrap();
    }
    let bottom = openat(&at, "bottom", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    drop((at, bottom));
    let image = scratch.image();
    let target = scratch.join("target");
    let script = "ulimit -n 100 && ulimit -s 512 && exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_daxfs-fsck"));
    let result = run(command.args(["-q", "--extract"]).arg(&target).arg(&image));
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    let mut at = openat(CWD, &target, flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        at = openat(&at, "d", flags | OFlags::NOFOLLOW, Mode::empty()).unwrap();
    }
    openat(&at, "bottom", OFlags::RDONLY, Mode::empty()).unwrap();
}

/// A directory above those that are kept open is moved out of the target: `..` would lead out of
/// it.
#[test]
fn the_way_back_up_is_checked() {
    let scratch = Scratch::new();
    let bottom = (0..100).fold(scratch.source().join("top"), |path, _| path.join("d"));
    fs::create_dir_all(&bottom).unwrap();
    // More files than the queue holds, so that contents are written by the first thread too.
    for index in 0..40 {
        fs::write(bottom.join(format!("{index}")), b"x").unwrap();
    }
    let image = scratch.image();
    let target = scratch.join("target");
    let outside = scratch.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::set_permissions(&outside, Permissions::from_mode(0o700)).unwrap();
    let moved = |_| {
        let _ = fs::rename(target.join("top"), outside.join("top"));
    };
    let opened = Target::new(&target, Existing::Refuse, Restore::ALL).unwrap();
    let error = extract::extract(&open(&image), &Selection::all(), &opened, 1, &moved).unwrap_err();
    assert!(format!("{error:#}").contains("was moved"), "{error:#}");
    assert_eq!(fs::metadata(&outside).unwrap().mode() & 0o7777, 0o700);
}

/// An ordinary user gets the files and a report of what is missing, and no set-ID program.
#[test]
fn without_privilege_the_rest_is_restored() {
    let scratch = Scratch::new();
    let source = scratch.source();
    fs::write(source.join("program"), b"#!/bin/true\n").unwrap();
    fs::set_permissions(source.join("program"), Permissions::from_mode(0o6755)).unwrap();
    let make = |kind, name: &str, device| {
        rustix::fs::mknodat(CWD, source.join(name), kind, Mode::RUSR, device).unwrap();
    };
    make(
        rustix::fs::FileType::CharacterDevice,
        "null",
        rustix::fs::makedev(1, 3),
    );
    make(rustix::fs::FileType::Fifo, "fifo", 0);
    fs::hard_link(source.join("null"), source.join("null-again")).unwrap();
    let image = scratch.image();
    let parent = scratch.join("parent");
    fs::create_dir(&parent).unwrap();
    std::os::unix::fs::chown(&parent, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&*scratch, Permissions::from_mode(0o755)).unwrap();
    let program = scratch.join("daxfs-fsck");
    fs::copy(env!("CARGO_BIN_EXE_daxfs-fsck"), &program).unwrap();
    let mut command = Command::new(&program);
    command.uid(65534).gid(65534).arg("--extract");
    let result = run(command.arg(parent.join("target")).arg(&image));
    assert_eq!(result.status, 64, "{result:?}");
    assert!(result.stdout.contains("clean"), "{}", result.stdout);
    let said: Vec<&str> = result.stderr.lines().collect();
    assert_eq!(said.len(), 3, "{}", result.stderr);
    assert!(
        said[0].contains(": cannot create the node: "),
        "{}",
        said[0]
    );
    assert!(said[1].contains("root can restore"), "{}", said[1]);
    let note = "owners of 3 files not restored, and the set-ID bits of 1 of them; \
                root restores them (--same-owner)";
    assert!(said[2].ends_with(note), "{}", said[2]);
    let target = parent.join("target");
    let program = fs::metadata(target.join("program")).unwrap();
    assert_eq!((program.mode() & 0o7777, program.uid()), (0o755, 65534));
    assert!(fs::metadata(target.join("fifo"))
        .unwrap()
        .file_type()
        .is_fifo());
    let absent = fs::symlink_metadata(target.join("null")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert_eq!(
        fs::read_dir(&target).unwrap().count(),
        2,
        "and no directory of our own"
    );
}

/// ext4 ends in 2446 and sets that year without an error; a file system without end keeps the time.
#[test]
fn a_time_that_the_file_system_has_not_kept_is_told() {
    let scratch = Scratch::new();
    fs::write(scratch.source().join("late"), b"").unwrap();
    symlink("late", scratch.source().join("link")).unwrap();
    let image = scratch.image();
    let wanted = 20_000_000_000;
    for name in ["late", "link"] {
        let time = field(&image, inode(&image, name).ino, 32);
        forge(&image, |bytes| {
            bytes[time..][..8].copy_from_slice(&i64::to_le_bytes(wanted));
        });
    }
    let target = scratch.join("target");
    let result = extract(&image, &target, &[]);
    let mut lost = 0;
    for name in ["late", "link"] {
        let kept = fs::symlink_metadata(target.join(name)).unwrap().mtime();
        lost += i32::from(kept != wanted);
    }
    if lost == 0 {
        not_tested("the file system of TMPDIR keeps every time");
    }
    assert_eq!(result.status, if lost == 0 { 0 } else { 64 });
    let example = format!("/late: cannot set the time {wanted}.");
    let expected = [
        &*example,
        " (and 1 more alike)",
        "2 properties of files could not be restored",
    ];
    for expected in expected {
        let said = result.stderr.contains(expected);
        assert_eq!(said, lost != 0, "{expected}: {}", result.stderr);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let scratch = Scratch::new();
    fs::write(scratch.source().join("large"), vec![1; 1 << 20]).unwrap();
    let image = scratch.image();
    let target = scratch.join("target");
    let mut command = Command::new("sh");
    // The largest file that may be written, in blocks of 512 bytes.
    let script = "ulimit -f 100 && exec \"$@\"";
    command
        .args(["-c", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_daxfs-fsck"));
    let result = run(command.arg("--extract").arg(&target).arg(&image));
    assert_eq!(result.status, 8);
    assert!(
        result.stderr.contains("/large: cannot write the file"),
        "{}",
        result.stderr
    );
    let json = check(&image, &["--json"]);
    assert_eq!(json.status, 0);
}
