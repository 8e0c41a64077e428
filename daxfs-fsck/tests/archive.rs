// SPDX-License-Identifier: MIT OR Apache-2.0
//! Archives that other programs extract to the same tree. Requires root for owners and devices.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{lchown as chown, symlink, FileExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use daxfs_testtree::compare::Differences;
use daxfs_testtree::{oddities, record, replicate};
use support::{fsck, open, run, Run, Scratch};

/// Says so past the harness, which hides the output of a test that passes.
fn not_tested(reason: &str) {
    let _ = writeln!(io::stdout(), "not tested: {reason}");
}

/// Writes an archive of `image` beside it.
fn archive(image: &Path, arguments: &[&str]) -> (PathBuf, Run) {
    let file = image.with_extension("tar");
    let result = run(fsck().args(arguments).arg("--tar").arg(&file).arg(image));
    (file, result)
}

/// A program that extracts archives, with the arguments that restore everything.
struct Extractor {
    program: &'static str,
    version: &'static str,
    arguments: &'static [&'static str],
    /// The beginnings of the differences that it makes with any archive.
    differences: &'static [&'static str],
}

const GNU: Extractor = Extractor {
    program: "tar",
    version: "GNU tar",
    arguments: &[
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--numeric-owner",
        "-xpf",
    ],
    differences: &[],
};

const LIBARCHIVE: Extractor = Extractor {
    program: "bsdtar",
    version: "libarchive",
    arguments: &["--xattrs", "--acls", "--numeric-owner", "-xpf"],
    // libarchive 3.6 sets no time of the directory that it extracts to, and adds the fraction of a
    // time before 1970 to the wrong second.
    differences: &[
        "mtime, seconds: /:",
        "mtime, ns: /:",
        "mtime, seconds: /srv/oddities/times/before-1970: -315619200 became -315619199",
        "mtime, ns: /srv/oddities/times/before-1970: 999999999 became 1",
    ],
};

impl Extractor {
    /// Extracts an archive. False if the program is not installed, which the output says then.
    fn extract(&self, archive: &Path, target: &Path) -> bool {
        let version = Command::new(self.program).arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.is_ok_and(|text| text.contains(self.version)) {
            not_tested(&format!("{} is not installed", self.version));
            return false;
        }
        fs::create_dir(target).unwrap();
        let mut command = Command::new(self.program);
        command.env("LC_ALL", "C.UTF-8").args(self.arguments);
        let output = command.arg(archive).arg("-C").arg(target).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.program);
        true
    }

    /// Checks that two trees have no difference but those that the program always makes.
    fn assert_same(&self, left: &Path, right: &Path) {
        let mut lines = differences(left, right);
        lines.retain(|line| !self.differences.iter().any(|known| line.starts_with(known)));
        assert!(lines.is_empty(), "{}:\n{}", self.program, lines.join("\n"));
    }
}

/// Every difference between two trees.
fn differences(left: &Path, right: &Path) -> Vec<String> {
    let trees = [left, right].map(|root| record::read(root).unwrap());
    let differences = Differences::between(&trees[0], &trees[1]);
    differences.lines().collect()
}

/// The tree as `daxfs-fsck` extracts it. It has no difference from the source but in holes.
fn extracted(image: &Path, source: &Path) -> PathBuf {
    let target = image.with_extension("extracted");
    let result = run(fsck().arg("--extract").arg(&target).arg(image));
    assert_eq!((result.status, &*result.stderr), (0, ""));
    let lines = differences(source, &target);
    let other = lines.iter().find(|line| !line.starts_with("holes: "));
    assert_eq!(other, None);
    target
}

/// A tree with every oddity that an archive can hold: all but sockets.
fn odd_tree(scratch: &Scratch) -> PathBuf {
    let source = scratch.source();
    oddities::add(&source).unwrap();
    let nodes = source.join(oddities::DIRECTORY).join("nodes");
    fs::remove_file(nodes.join("socket")).unwrap();
    replicate::set_mtime(&nodes, (1_000_000_000, 7)).unwrap();
    source
}

#[test]
fn other_programs_extract_the_same_tree() {
    let scratch = Scratch::new();
    let source = odd_tree(&scratch);
    let image = scratch.image();
    let (file, result) = archive(&image, &[]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    // The image has holes by its own rule, so the tree with its holes is the one that it gives.
    let source = extracted(&image, &source);
    for extractor in [GNU, LIBARCHIVE] {
        let target = scratch.join(extractor.program);
        if extractor.extract(&file, &target) {
            extractor.assert_same(&source, &target);
        }
    }
}

/// The tree that comes out of the archive has the same image.
#[test]
fn the_way_through_an_archive_keeps_the_identity() {
    let scratch = Scratch::new();
    odd_tree(&scratch);
    let image = scratch.image();
    let (file, _) = archive(&image, &[]);
    let target = scratch.join("target");
    if GNU.extract(&file, &target) {
        let again = scratch.join("again");
        mkdaxfs::build(&mkdaxfs::Options::new(&target, &again), &()).unwrap();
        assert_eq!(open(&again).identity(), open(&image).identity());
    }
    let copy = scratch.join("copy.tar");
    let (status, bytes) = (
        run(fsck().arg("--tar").arg(&copy).arg(&image)).status,
        fs::read(&file),
    );
    assert_eq!(
        (status, fs::read(&copy).unwrap()),
        (0, bytes.unwrap()),
        "the same archive"
    );
}

/// Values at the bounds of the fields of a header.
#[test]
fn values_beyond_the_fields_of_a_header_come_back() {
    let scratch = Scratch::new();
    let source = scratch.source();
    let directory = OsStr::from_bytes(b"\xff\xfe");
    let mut deep = source.join(directory);
    for length in [1, 99, 100, 101, 155, 156, 254, 255] {
        deep.push("d".repeat(length));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f".repeat(length)), b"x").unwrap();
        symlink("t".repeat(length), deep.join("link")).unwrap();
    }
    fs::hard_link(deep.join("link"), source.join("link")).unwrap();
    fs::hard_link(deep.join("f".repeat(255)), source.join("file")).unwrap();
    symlink(directory, source.join("bytes")).unwrap();
    chown(deep.join("link"), Some(0xffff_fffe), Some(0o1000_0000)).unwrap();
    let large = File::create(source.join("large")).unwrap();
    large.set_len((16 << 20) + 1000).unwrap();
    large.write_all_at(b"end", (16 << 20) + 997).unwrap();
    large.write_all_at(&[1; 70_000], 1 << 20).unwrap();
    File::create(source.join("hole"))
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    let attributes = [
        ("user.a=b%c", &b"1\0\n="[..]),
        ("user.empty", b""),
        ("user.\n", b"\xff"),
    ];
    for (name, value) in attributes {
        rustix::fs::lsetxattr(&deep, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    }
    replicate::set_mtime(&source.join("large"), (0o777_7777_7777 + 1, 0)).unwrap();
    replicate::set_mtime(&source.join("hole"), (-5, 500_000_000)).unwrap();
    let image = scratch.image();
    let (file, result) = archive(&image, &[]);
    assert_eq!(
        (result.status, &*result.stderr),
        (0, ""),
        "{}",
        result.stdout
    );
    let source = extracted(&image, &source);
    let target = scratch.join("target");
    if GNU.extract(&file, &target) {
        GNU.assert_same(&source, &target);
    }
}

#[test]
fn selected_paths_are_archived_with_the_directories_above() {
    let scratch = Scratch::new();
    let source = scratch.source();
    for path in [
        "usr/bin/a",
        "usr/bin/b",
        "usr/lib/a.so",
        "etc/a",
        "usr/lib/sub/b.so",
        "[x]",
    ] {
        fs::create_dir_all(source.join(path).parent().unwrap()).unwrap();
        fs::write(source.join(path), path).unwrap();
    }
    symlink("usr/bin", source.join("bin")).unwrap();
    fs::hard_link(source.join("usr/bin/a"), source.join("etc/hard")).unwrap();
    let image = scratch.image();
    let all = [
        "usr",
        "usr/bin",
        "usr/bin/a",
        "usr/bin/b",
        "usr/lib",
        "usr/lib/a.so",
        "usr/lib/sub",
        "usr/lib/sub/b.so",
    ];
    let cases: [(&[&str], &[&str]); 10] = [
        (&["usr"], &all),
        (&["/usr/", "usr/bin/a"], &all),
        (&["usr/bin/a"], &["usr", "usr/bin", "usr/bin/a"]),
        (&["bin/b"], &["usr", "usr/bin", "usr/bin/b"]),
        (&["bin"], &["bin"]),
        (&["*/a", "[x]"], &["[x]", "etc", "etc/a"]),
        (
            &["**/*.so"],
            &[
                "usr",
                "usr/lib",
                "usr/lib/a.so",
                "usr/lib/sub",
                "usr/lib/sub/b.so",
            ],
        ),
        (
            &["./usr/*/?"],
            &["usr", "usr/bin", "usr/bin/a", "usr/bin/b"],
        ),
        (
            &["{etc,usr/bin}/[ah]*"],
            &["etc", "etc/a", "etc/hard", "usr", "usr/bin", "usr/bin/a"],
        ),
        (
            &["etc/../usr/lib/./sub"],
            &["usr", "usr/lib", "usr/lib/sub", "usr/lib/sub/b.so"],
        ),
    ];
    for (paths, expected) in cases {
        let arguments: Vec<&str> = paths.iter().flat_map(|path| ["--path", path]).collect();
        let (target, file) = (scratch.join("target"), image.with_extension("tar"));
        for output in ["--extract", "--tar"] {
            let place = if output == "--tar" { &file } else { &target };
            let result = run(fsck().args(&arguments).arg(output).arg(place).arg(&image));
            assert_eq!((result.status, &*result.stderr), (0, ""), "{paths:?}");
        }
        let listed = record::list(&target).unwrap();
        let mut listed: Vec<&Path> = listed
            .iter()
            .map(|path| path.strip_prefix("/").unwrap_or(path))
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        listed.sort();
        let expected: Vec<&Path> = expected.iter().map(Path::new).collect();
        assert_eq!(listed, expected, "{paths:?}");
        let other = scratch.join("other");
        if GNU.extract(&file, &other) {
            GNU.assert_same(&target, &other);
            fs::remove_dir_all(other).unwrap();
        }
        fs::remove_dir_all(&target).unwrap();
        fs::remove_file(&file).unwrap();
    }
    for (path, reason) in [
        ("usr/absent", "no entry"),
        ("usr/bin/a/b", "is not a directory"),
        ("usr/*.none", "no path of the image matches"),
        ("usr/[", "error parsing glob"),
        ("<2>", "by its number"),
    ] {
        let (file, result) = archive(&image, &["--path", path]);
        assert_eq!((result.status, file.exists()), (8, false), "{path}");
        let cannot = if path == "<2>" { "cannot select" } else { path };
        assert!(
            result.stderr.contains(cannot) && result.stderr.contains(reason),
            "{}",
            result.stderr
        );
    }
}

#[test]
fn the_file_of_an_archive_is_handled_with_care() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let tar = |file: &Path, arguments: &[&str]| {
        run(fsck().args(arguments).arg("--tar").arg(file).arg(&image))
    };
    let file = scratch.join("file.tar");
    assert_eq!(tar(&file, &["-q"]).status, 0);
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len() % 10_240, 0);
    let refused = tar(&file, &[]);
    assert_eq!(refused.status, 8);
    assert!(
        refused.stderr.contains("it exists (--force replaces it)"),
        "{}",
        refused.stderr
    );
    symlink("file.tar", scratch.join("link")).unwrap();
    fs::write(&file, b"other").unwrap();
    assert_eq!(tar(&scratch.join("link"), &["--force"]).status, 0);
    assert!(fs::symlink_metadata(scratch.join("link"))
        .unwrap()
        .is_symlink());
    assert_eq!(fs::read(&file).unwrap(), whole);
    for (path, reason) in [
        (scratch.to_path_buf(), "it is not a regular file"),
        (scratch.join("absent/file"), "No such file"),
        ("/dev/full".into(), "No space left"),
    ] {
        let refused = tar(&path, &["--force"]);
        assert_eq!(refused.status, 8, "{refused:?}");
        assert!(refused.stderr.contains(reason), "{}", refused.stderr);
        assert!(
            !refused.stdout.contains("clean"),
            "no verdict beside an error: {refused:?}"
        );
    }
    assert_eq!(tar(Path::new("/dev/null"), &[]).status, 0);
    let names = fs::read_dir(&*scratch).unwrap().count();
    assert_eq!(names, 4, "source, image, archive, link, and nothing else");

    // Standard output is the archive alone.
    let output = fsck().args(["--tar", "-"]).arg(&image).output().unwrap();
    assert_eq!((output.status.code(), &output.stdout), (Some(0), &whole));
    assert!(String::from_utf8_lossy(&output.stderr).contains(": clean, "));
    assert_eq!(tar(Path::new("-"), &["--json"]).status, 16);
    assert_eq!(tar(Path::new("-"), &["--extract", "x"]).status, 16);
    let json = tar(&scratch.join("json.tar"), &["--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["archived"]["entries"], &json["archived"]["sockets"]),
        (&5.into(), &0.into())
    );

    // A reader that has seen enough ends the program without a panic.
    let mut child = fsck()
        .args(["--tar", "-"])
        .arg(&image)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(8), "{said}");
    assert!(said.contains("Broken pipe"), "{said}");
}

/// An archive that cannot be completed does not appear.
#[test]
fn an_image_with_findings_is_not_archived() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    support::damage(&image, |bytes| bytes[5000] ^= 1);
    let (file, result) = archive(&image, &[]);
    assert_eq!((result.status, file.exists()), (4 | 8, false));
}
