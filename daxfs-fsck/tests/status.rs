// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exit status, and the streams that messages go to.
#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod support;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use daxfs_image::format::SectionKind;
use support::{check, damage, fsck, inode, run, section, Scratch};

#[test]
fn a_clean_image_is_0() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    for arguments in [
        &[][..],
        &["--verify-data"],
        &["--verify-data", "-j1"],
        &["-v"],
    ] {
        let run = check(&image, arguments);
        assert_eq!((run.status, &*run.stderr), (0, ""), "{arguments:?}");
        assert!(run.stdout.contains(": clean, 5 inodes"), "{}", run.stdout);
    }
}

#[test]
fn quiet_says_nothing_of_a_clean_image() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let run = check(&image, &["-q", "--verify-data"]);
    assert_eq!((run.status, &*run.stdout, &*run.stderr), (0, "", ""));
}

#[test]
fn a_broken_image_is_4() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let inodes = section(&image, SectionKind::Inodes);
    damage(&image, |bytes| bytes[inodes.start + 64 + 4] ^= 1);
    let run = check(&image, &["-q"]);
    assert_eq!((run.status, &*run.stderr), (4, ""));
    assert!(run.stdout.contains("[section-checksum]"), "{}", run.stdout);
    assert!(run.stdout.contains("[section-digest]"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_read_is_8() {
    let scratch = Scratch::new();
    let fifo = scratch.join("fifo");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let cases = [
        (scratch.join("absent"), "No such file"),
        (scratch.to_path_buf(), "directory"),
        (fifo, "a regular file or a block device"),
        ("/dev/null".into(), "a regular file or a block device"),
        ("/dev/zero".into(), "a regular file or a block device"),
    ];
    for (path, reason) in cases {
        let run = check(&path, &[]);
        assert_eq!(run.status, 8, "{}", path.display());
        assert!(run.stderr.contains(reason), "{}", run.stderr);
        assert!(!run.stdout.contains("clean,"), "{}", run.stdout);
    }
}

#[test]
fn a_wrong_command_line_is_16() {
    let zeros = "0".repeat(63);
    let cases: [&[&str]; 7] = [
        &[],
        &["--no-such-option", "image"],
        &["a", "b"],
        &["--identity", "sha256:12", "image"],
        &["--identity", &zeros, "image"],
        &["--force", "image"],
        &["-j0", "image"],
    ];
    for arguments in cases {
        let run = run(fsck().args(arguments));
        assert_eq!((run.status, &*run.stdout), (16, ""), "{arguments:?}");
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
    for arguments in [["--help"], ["--version"]] {
        let run = run(fsck().args(arguments));
        assert_eq!((run.status, &*run.stderr), (0, ""));
    }
}

#[test]
fn a_file_that_is_not_an_image_is_4() {
    let scratch = Scratch::new();
    let path = scratch.join("text");
    let other = [&b"5xad\x05\0\0\0"[..], &[0; 5000]].concat();
    for (bytes, words) in [
        (vec![], "not a DAXFS image: the file is empty\n"),
        (b"a text".to_vec(), "not a DAXFS image\n"),
        (vec![b'x'; 5000], "not a DAXFS image\n"),
        (vec![0; 1 << 20], "not a DAXFS image\n"),
        (
            other,
            "version 5, of the file system in C of the same name (multikernel/daxfs)\n",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        for arguments in [&["-q", "--verify-data"][..], &[]] {
            let run = check(&path, arguments);
            assert_eq!((run.status, &*run.stderr), (4, ""));
            assert!(run.stdout.ends_with(words), "{}", run.stdout);
            assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
        }
    }
    // The start of an image is one that lacks its end.
    fs::write(&path, b"\xda").unwrap();
    let run = check(&path, &["-q"]);
    assert!(run.stdout.contains("[image-truncated]"), "{}", run.stdout);
}

/// The word "found" is not used of a value that is stated.
#[test]
fn both_hashes_are_printed_in_full() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let inodes = section(&image, SectionKind::Inodes);
    damage(&image, |bytes| bytes[inodes.start + 64 + 32] ^= 1);
    let run = check(&image, &["-q"]);
    for (rule, digits) in [("section-checksum", 16), ("section-digest", 64)] {
        let line = run.stdout.lines().find(|line| line.contains(rule)).unwrap();
        let (_, hashes) = line.split_once(": stated ").unwrap();
        let (stated, computed) = hashes.split_once(", computed ").unwrap();
        assert_eq!((stated.len(), computed.len()), (digits, digits), "{line}");
        assert_ne!(stated, computed);
    }
    let json = check(&image, &["--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let digest = findings
        .iter()
        .find(|finding| finding["rule"] == "section-digest")
        .unwrap();
    for key in ["stated", "computed"] {
        assert_eq!(digest[key].as_str().unwrap().len(), 64);
    }
}

#[test]
fn a_verdict_says_that_contents_were_not_compared() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let words = "; contents not compared (--verify-data)\n";
    assert!(check(&image, &[]).stdout.ends_with(words));
    assert!(!check(&image, &["--verify-data"]).stdout.contains(words));
}

/// fsck(8) passes options that this program does not have otherwise.
#[test]
fn the_name_for_fsck_takes_its_options() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let program = scratch.join("fsck.daxfs");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_daxfs-fsck"), &program).unwrap();
    for options in [
        &["-a"][..],
        &["-p"],
        &["-y", "-f"],
        &["-n"],
        &["-C0", "-T"],
        &["-C", "5"],
    ] {
        let run = run(std::process::Command::new(&program)
            .args(options)
            .arg(&image));
        assert_eq!((run.status, &*run.stderr), (0, ""), "{options:?}");
    }
    assert_eq!(check(&image, &["-y"]).status, 16);
}

#[test]
fn an_error_of_the_identity_is_a_requirement() {
    for (text, words) in [
        ("12", "it must begin with sha256:"),
        ("sha256:12", "must follow"),
    ] {
        let run = run(fsck().args(["--identity", text, "image"]));
        assert!(
            run.status == 16 && run.stderr.contains(words),
            "{}",
            run.stderr
        );
    }
}

/// A single finding about a superblock must not look as if the rest was sound.
#[test]
fn what_was_not_checked_is_said() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    damage(&image, |bytes| bytes.truncate(bytes.len() - 4096));
    let size = fs::metadata(&image).unwrap().len();
    for arguments in [&[][..], &["-q"], &["--verify-data"]] {
        let run = check(&image, arguments);
        assert_eq!(run.status, 4);
        let said = run.stdout.lines().nth(1).unwrap();
        assert!(said.starts_with("nothing else was checked: "), "{said}");
        assert!(
            said.ends_with(&format!("; the file has {size} bytes")),
            "{said}"
        );
    }
    let json = |image| -> serde_json::Value {
        serde_json::from_str(&check(image, &["--json"]).stdout).unwrap()
    };
    let broken = json(&image);
    assert_eq!(
        (&broken["checked"], &broken["total"]),
        (&false.into(), &1.into())
    );
    assert_eq!(broken["image"]["file_size"], size);
    damage(&image, |bytes| bytes.resize(bytes.len() + 4096, 0));
    let whole = json(&image);
    assert_eq!(
        (&whole["checked"], &whole["clean"]),
        (&true.into(), &true.into())
    );
    assert_eq!(whole["image"].get("file_size"), None);
}

/// A label must be escaped once only.
#[test]
fn labels_and_names_are_escaped_once() {
    let scratch = Scratch::new();
    scratch.source();
    let text = "a\nb\u{9b}\\".as_bytes();
    let image = scratch.image_with(|options| options.label[..text.len()].copy_from_slice(text));
    let run = check(&image, &["-v"]);
    let label = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("label "));
    assert_eq!(label, Some(r"a\x0ab\xc2\x9b\\"));
    let run = check(&image, &["--json"]);
    assert!(run
        .stdout
        .trim_end()
        .bytes()
        .all(|byte| (b' '..=b'~').contains(&byte)));
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["image"]["label"], "a\nb\u{9b}\\");

    let run = check(&scratch.join("a\x1b[31m\nb"), &[]);
    assert_eq!((run.status, run.stderr.lines().count()), (8, 1));
    assert!(
        run.stderr.contains(r"/a\x1b[31m\x0ab: No such file"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_truncated_image_is_found_out_at_every_length() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let bytes = fs::read(&image).unwrap();
    let data = section(&image, SectionKind::Data);
    let edges = [0, 4096, data.start, data.end - 4096, data.end];
    let edges = edges
        .iter()
        .flat_map(|&edge: &usize| [edge.saturating_sub(1), edge, edge + 1]);
    let lengths = edges.chain((0..bytes.len()).step_by(509));
    let path = scratch.join("short");
    for length in lengths.filter(|length| (1..bytes.len()).contains(length)) {
        fs::write(&path, &bytes[..length]).unwrap();
        let run = check(&path, &["-q", "--verify-data"]);
        assert_eq!((run.status, &*run.stderr), (4, ""), "{length} bytes");
        assert!(run.stdout.contains("[image-truncated]"), "{}", run.stdout);
    }
    // Bytes after the image are not part of it.
    fs::write(&path, [bytes, vec![0xff; 100]].concat()).unwrap();
    assert_eq!(check(&path, &["--verify-data"]).status, 0);
}

#[test]
fn only_the_image_with_the_identity_is_accepted() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let text = check(&image, &["-v"]).stdout;
    let identity = text.lines().find_map(|line| line.strip_prefix("identity "));
    let identity = identity.expect("an identity");
    assert_eq!(check(&image, &["--identity", identity]).status, 0);
    let upper = format!("sha256:{}", identity[7..].to_uppercase());
    assert_eq!(check(&image, &["--identity", &upper]).status, 0);

    let other = format!("sha256:{}", "00".repeat(32));
    let run = check(&image, &["-q", "--identity", &other]);
    assert_eq!(run.status, 4);
    assert!(
        run.stdout.contains(identity) && run.stdout.contains(&other),
        "{}",
        run.stdout
    );
    let target = scratch.join("target");
    let run = self::run(
        fsck()
            .args(["--identity", &other, "--extract"])
            .arg(&target)
            .arg(&image),
    );
    assert_eq!((run.status, target.exists()), (4 | 8, false));

    // The identity covers the sections through their digests, so these are compared too.
    let inodes = section(&image, SectionKind::Inodes);
    damage(&image, |bytes| bytes[inodes.start + 64 + 32] ^= 1);
    let run = check(&image, &["-q", "--identity", identity]);
    assert_eq!(run.status, 4);
    assert!(run.stdout.contains("[section-digest]"), "{}", run.stdout);
}

#[test]
fn json_holds_everything() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let parse = |run: &support::Run| -> serde_json::Value {
        serde_json::from_str(&run.stdout).expect("one JSON object")
    };
    let run = check(&image, &["--json", "--verify-data"]);
    let json = parse(&run);
    assert_eq!(run.status, 0);
    assert_eq!(json["clean"], true);
    assert_eq!(json["status"], 0);
    assert_eq!(json["total"], 0);
    assert_eq!(json["image"]["inodes"], 5);
    assert_eq!(json["image"]["size"], fs::metadata(&image).unwrap().len());
    assert_eq!(json["verified"]["contents"], 2);
    assert!(json["seconds"]["structure"]
        .as_f64()
        .is_some_and(|seconds| seconds > 0.0));
    assert!(run
        .stdout
        .starts_with(r#"{"schema":1,"record":"check","status":0,"clean":true,"image":"#));
    assert_eq!(json.get("error"), None);

    let large = inode(&image, "dir/large");
    let daxfs_image::format::InodeKind::Regular(daxfs_image::format::FileData::Direct { offset }) =
        large.kind
    else {
        panic!("{large:?}");
    };
    damage(&image, |bytes| bytes[usize::try_from(offset).unwrap()] ^= 1);
    let run = check(&image, &["--json", "--verify-data"]);
    let json = parse(&run);
    let finding = &json["findings"][0];
    assert_eq!(
        (run.status, &json["clean"], &json["total"]),
        (4, &false.into(), &1.into())
    );
    assert_eq!(finding["rule"], "content-digest");
    assert_eq!(finding["path"], "/dir/large");
    assert_eq!(finding["offset"], offset);
    let content = large.content.unwrap();
    assert_eq!(finding["object"], format!("content {content}"));
    assert!(finding["text"].is_string() && finding["stated"] != finding["computed"]);

    assert_eq!(finding.get("value"), None);

    let run = check(&scratch.join("absent"), &["--json"]);
    let (error, check) = run.stdout.split_once('\n').expect("two records");
    let [error, json] = [error, check]
        .map(|text| -> serde_json::Value { serde_json::from_str(text).expect("a JSON object") });
    assert_eq!(
        (&json["clean"], &json["status"]),
        (&false.into(), &8.into())
    );
    assert_eq!(error["record"], "error");
    assert!(error["message"].as_str().unwrap().contains("absent"));
}

/// The reader of the output may stop: `daxfs-fsck IMAGE | head -1`.
#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let scratch = Scratch::new();
    let image = scratch.join("none");
    File::create(&image).unwrap();
    let (writer, reader) = UnixStream::pair().unwrap();
    drop(reader);
    let run = run(fsck().arg(&image).stdout(OwnedFd::from(writer)));
    assert_eq!((run.status, &*run.stderr), (4, ""));

    // A full disk is a failure.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = support::run(fsck().arg(&image).stdout(full));
    assert_eq!(run.status, 4 | 8);
    assert!(
        run.stderr.contains("cannot write the result"),
        "{}",
        run.stderr
    );
}
