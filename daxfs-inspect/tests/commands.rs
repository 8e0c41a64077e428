// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of each command for a sound image with one of every kind of object.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::process::{Command, Stdio};

use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use daxfs_image::escape::Charset;
use serde_json::{json, Value};
use support::{inspect, inspect_as, ImageFile};

/// The values of a key of all lines.
fn column<'a>(lines: &'a [Value], key: &str) -> Vec<&'a Value> {
    lines.iter().map(|line| &line[key]).collect()
}

#[test]
fn info_counts_what_is_there() {
    let image = ImageFile::reference();
    let info = &image.run("info", &["--json"]).clean().json()[0];
    assert_eq!(info["record"], "image");
    assert_eq!(info["image"]["label"], "reference");
    assert_eq!(info["image"]["page_size"], 4096);
    assert_eq!(info["types"]["char_device"], 1);
    assert_eq!(info["types"]["unreadable"], 0);
    let types: u64 = info["types"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(info["image"]["inodes"], types);
    let sections = info["sections"].as_array().unwrap();
    assert_eq!(column(sections, "kind")[..2], ["inode", "directory"]);
    assert!(sections
        .iter()
        .all(|section| section["checksum"] != "wrong"));
    let text = image.run("info", &[]).clean();
    assert!(
        text.text().contains("label     reference\n"),
        "{}",
        text.text()
    );
    assert!(text
        .text()
        .contains("1 character device, 1 block device, 1 fifo, 1 socket"));
}

#[test]
fn ls_lists_sorted_names() {
    let image = ImageFile::reference();
    let run = image.run("ls", &[]).clean();
    let names: Vec<&str> = run.text().lines().collect();
    assert!(names.contains(&"not utf-8 \\xff\\xfe"), "{names:?}");
    let json = image.run("ls", &["--json"]).clean().json();
    assert_eq!(json.len(), names.len());
    let mut paths: Vec<String> = json
        .iter()
        .filter_map(|line| line["path"].as_str().map(str::to_owned))
        .collect();
    let listed = paths.clone();
    paths.sort();
    assert_eq!(listed, paths);
    let hex = json!({"hex": "2f6e6f74207574662d3820fffe"});
    assert!(column(&json, "path").contains(&&hex));
}

#[test]
fn ls_shows_what_ls_shows() {
    let image = ImageFile::reference();
    let run = image
        .run("ls", &["-li", "char", "link", "before-1970", "with-xattrs"])
        .clean();
    let text = run.text();
    let number = &image.run("stat", &["--json", "char"]).json()[0]["inode"];
    assert!(text.starts_with(&format!("{number} crwxr-xr-x")), "{text}");
    assert!(text.contains("1, 3"), "{text}");
    assert!(text.contains("link -> directory/nested\n"), "{text}");
    assert!(text.contains("-rwsr-sr-x  1 4294967294 1000"), "{text}");
    assert!(text.contains("1969-12-31 00:00:00"), "{text}");
    assert!(text.contains("-rwxr-xr-x+ 1"), "{text}");
    let ends: Vec<_> = text
        .lines()
        .map(|line| line.find(" 2023-").or(line.find(" 1969-")))
        .collect();
    assert!(
        ends.iter().all(|end| *end == ends[0]),
        "columns are not aligned:\n{text}"
    );
}

#[test]
fn ls_of_a_symlink_shows_it_and_a_slash_follows_it() {
    let image = ImageFile::reference();
    assert_eq!(image.run("ls", &["/link"]).clean().text(), "/link\n");
    assert_eq!(image.run("ls", &["/link/"]).clean().text(), "deeper\n");
    assert_eq!(
        image.run("ls", &["//link/.././/nested/"]).clean().text(),
        "deeper\n"
    );
}

#[test]
fn ls_descends_in_order() {
    let image = ImageFile::reference();
    let run = image.run("ls", &["-R", "directory"]).clean();
    let expected = "/directory:\nnested\nsibling\n\n/directory/nested:\ndeeper\n\n\
                    /directory/nested/deeper:\nfile\n\n/directory/sibling:\n";
    assert_eq!(run.text(), expected);
}

#[test]
fn a_path_that_is_not_there_names_the_component() {
    let image = ImageFile::reference();
    let run = image.run("stat", &["directory/nested", "directory/nexted/deeper"]);
    assert_eq!(run.code, 1);
    assert!(run.text().starts_with("path     /directory/nested\n"));
    let expected = "daxfs-inspect: directory/nexted/deeper: no entry \"nexted\" in /directory\n";
    assert_eq!(run.err, expected);
    let run = image.run("cat", &["empty/x"]);
    assert_eq!((run.code, run.out.len()), (1, 0));
    assert!(run.err.contains("/empty is not a directory"), "{}", run.err);
}

#[test]
fn stat_tells_everything() {
    let image = ImageFile::reference();
    let json = image.run(
        "stat",
        &["--json", "packed-twin", "sparse", "block", "link"],
    );
    let lines = json.clean().json();
    assert_eq!(lines[0]["sharers"], 2);
    assert_eq!(lines[0]["layout"], "packed");
    assert!(lines[0]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        (&lines[1]["size"], &lines[1]["extents"]),
        (&json!(20_580), &json!(2))
    );
    assert_eq!(lines[2]["device"], json!({"major": 259, "minor": 0x1_2345}));
    assert_eq!(lines[3]["target"], "directory/nested");
    let text = image.run("stat", &["with-xattrs"]).clean();
    assert!(
        text.text()
            .contains("xattr    user.comment = \"a value\"\n"),
        "{}",
        text.text()
    );
    assert!(text
        .text()
        .contains("xattr    security.capability = \"\\x01\\x00"));
}

#[test]
fn an_inode_number_is_a_path() {
    let image = ImageFile::reference();
    let deeper = &image
        .run("stat", &["--json", "directory/nested/deeper"])
        .json()[0];
    let path = format!("<{}>/file", deeper["inode"]);
    assert_eq!(image.run("cat", &[&path]).clean().text(), "deep");
    let up = format!("<{}>/../..", deeper["inode"]);
    assert_eq!(image.run("ls", &[&up]).clean().text(), "nested\nsibling\n");
}

#[test]
fn cat_prints_contents_and_holes() {
    let image = ImageFile::reference();
    assert_eq!(
        image.run("cat", &["packed", "hard"]).clean().out,
        [vec![b'p'; 300], vec![b'h'; 9]].concat()
    );
    let pattern = |length| (1..=251).cycle().take(length).collect::<Vec<u8>>();
    assert_eq!(image.run("cat", &["direct"]).clean().out, pattern(5000));
    let sparse = [pattern(4096), vec![0; 20_480 - 4096], pattern(100)].concat();
    assert_eq!(image.run("cat", &["sparse"]).clean().out, sparse);
    assert_eq!(
        image.run("cat", &["sparse-hole"]).clean().out,
        vec![0; 1 << 20]
    );
    let extents = image
        .run("cat", &["--json", "sparse-middle"])
        .clean()
        .json();
    let listed: Vec<_> = extents
        .iter()
        .map(|p| (p["file_offset"].as_u64(), p["data"].is_null()))
        .collect();
    let middle = 1 << 39;
    assert_eq!(
        listed,
        [
            (Some(0), true),
            (Some(middle), false),
            (Some(middle + 4096), true)
        ]
    );
}

#[test]
fn cat_of_what_has_no_contents_says_so() {
    let image = ImageFile::reference();
    for (path, name) in [
        ("directory", "directory"),
        ("fifo", "fifo"),
        ("link", "directory"),
    ] {
        let run = image.run("cat", &[path]);
        assert_eq!(run.code, 1);
        assert!(
            run.err
                .contains(&format!("is a {name}, not a regular file")),
            "{}",
            run.err
        );
    }
}

#[test]
fn tree_draws_every_level() {
    let image = ImageFile::reference();
    let run = image.run("tree", &["directory"]).clean();
    let ascii = "/directory\n|-- nested\n|   `-- deeper\n|       `-- file\n`-- sibling\n\n\
                 3 directories, 1 file\n";
    assert_eq!(run.text(), ascii);
    let arguments = [
        "tree".as_ref(),
        image.path().as_os_str(),
        "directory".as_ref(),
        "-L2".as_ref(),
    ];
    let run = inspect_as(&arguments, Charset::Utf8).clean();
    let utf8 = "/directory\n├── nested\n│   └── deeper\n└── sibling\n\n3 directories, 0 files\n";
    assert_eq!(run.text(), utf8);
    let paths = image.run("tree", &["--json", "directory"]).clean().json();
    assert_eq!(column(&paths, "depth"), [1, 2, 3, 1]);
}

/// Every byte of the image is accounted for once.
#[test]
fn map_accounts_for_every_byte() {
    for bytes in images() {
        let image = ImageFile::new(&bytes);
        let lines = image.run("map", &["--json", "--all"]).clean().json();
        let totals = &lines[0]["totals"];
        let number = |value: &Value| value.as_u64().unwrap();
        let parts = ["contents", "padding", "unused", "gaps", "metadata"];
        let sum: u64 = parts
            .iter()
            .map(|part| number(&totals[format!("{part}_size")]))
            .sum();
        assert_eq!(sum, u64::try_from(bytes.len()).unwrap());
        assert_eq!(lines[0]["size"], sum);
        let layouts = ["direct", "packed", "sparse"];
        for unit in ["", "_size"] {
            let of = |name: &str| number(&totals[format!("{name}{unit}")]);
            assert_eq!(layouts.map(of).iter().sum::<u64>(), of("contents"));
        }
        let offsets: Vec<u64> = lines[1..]
            .iter()
            .map(|line| number(&line["offset"]))
            .collect();
        assert!(offsets.is_sorted(), "{offsets:?}");
        let groups = lines[0]["groups"].as_array().unwrap();
        let grouped = |key: &str| groups.iter().map(|group| number(&group[key])).sum::<u64>();
        assert_eq!(grouped("extents"), u64::try_from(offsets.len()).unwrap());
        assert_eq!(grouped("extents_size"), number(&totals["contents_size"]));
        assert_eq!(grouped("padding_size"), number(&totals["padding_size"]));
        assert_eq!(grouped("huge_pages"), number(&totals["huge_pages"]));
        // The one page that the reference image has to spare.
        let spare = if bytes == daxfs_hostile::reference::reference() {
            4096
        } else {
            0
        };
        assert_eq!(totals["unused_size"], spare);
    }
}

fn images() -> Vec<Vec<u8>> {
    let variants = daxfs_hostile::reference::variants();
    let small = variants.into_iter().map(|(_, bytes)| bytes);
    small
        .chain([daxfs_hostile::reference::reference()])
        .collect()
}

#[test]
fn map_tells_sharing_and_huge_pages() {
    let mut tree = Tree::new(Form::default());
    tree.add(ROOT, b"huge", Body::Direct(vec![1; 5 << 20]));
    tree.add(ROOT, b"twin", Body::Direct(vec![1; 5 << 20]));
    let below = tree.add(ROOT, b"below", Body::Directory);
    tree.add(below, b"other", Body::Direct(vec![2; 10]));
    let image = ImageFile::new(&tree.write());
    let lines = image.run("map", &["--json", "--all"]).clean().json();
    assert_eq!(column(&lines[1..], "path"), ["/huge", "/below/other"]);
    assert_eq!(column(&lines[1..], "sharers"), [2, 1]);
    assert_eq!(lines[2]["padding_size"], 4086);
    let totals = &lines[0]["totals"];
    assert_eq!(
        (&totals["shared"], &totals["shared_size"]),
        (&json!(1), &json!(5 << 20))
    );
    let below = image.run("map", &["--json", "-a", "below"]).clean().json();
    assert_eq!(column(&below[1..], "path"), ["/below/other"]);
    assert_eq!(below[0]["totals"]["files"], 1);
    assert!(below[0]["size"].is_null() && below[0]["totals"]["gaps_size"].is_null());
    // Of a file, all extents are printed.
    let file = image.run("map", &["--json", "huge"]).clean().json();
    assert_eq!(column(&file[1..], "path"), ["/huge"]);
    assert_eq!(image.run("map", &["--json"]).clean().json().len(), 1);
    let first = lines[0].clone();
    assert_eq!(image.run("map", &["--json", "-s"]).clean().json(), [first]);
    let text = image.run("map", &["-b"]).clean();
    assert!(
        text.text()
            .contains("  direct      1          -      2  /huge\n"),
        "{}",
        text.text()
    );
}

/// The extents of sparse files lie in the image, too, and are mapped as the first of them allows.
#[test]
fn map_tells_the_huge_pages_of_sparse_files() {
    let mut tree = Tree::new(Form::default());
    tree.add(ROOT, b"before", Body::Direct(vec![1; 4096]));
    let extents = vec![
        (0, vec![2; 5 << 20]),
        (7 << 20, vec![3; 4 << 20]),
        (12 << 20, vec![4; 4 << 20]),
    ];
    let size = 16 << 20;
    tree.add(ROOT, b"sparse", Body::Sparse { size, extents });
    let lines = ImageFile::new(&tree.write()).run("map", &["--json", "-a"]);
    let lines = lines.clean().json();
    assert_eq!(column(&lines[2..5], "layout"), ["sparse"; 3]);
    assert_eq!(column(&lines[2..5], "huge_pages"), [1, 1, 0]);
    assert_eq!(lines[0]["totals"]["huge_pages"], 2);
}

/// The listing alone, in the form that a script expects.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let image = ImageFile::reference();
    let mut child = Command::new(env!("CARGO_BIN_EXE_daxfs-inspect"))
        .arg("cat")
        .arg(image.path())
        .arg("sparse-middle")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Half a terabyte of zeros is about to come.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}

/// `diff A B | head -1` said that the trees are the same.
#[test]
fn a_reader_that_goes_away_does_not_change_what_diff_says() {
    let mut tree = Tree::new(Form::default());
    for number in 0..10_000 {
        tree.add(ROOT, format!("{number}").as_bytes(), Body::Empty);
    }
    let [a, b] = [ImageFile::new(&tree.write()), ImageFile::reference()];
    for (a, b, status) in [(&a, &b, 1), (&a, &a, 0)] {
        for form in [&[][..], &["--json"]] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_daxfs-inspect"))
                .arg("diff")
                .args([a.path(), b.path()])
                .args(form)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            drop(child.stdout.take());
            assert_eq!(child.wait().unwrap().code(), Some(status), "{form:?}");
        }
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error_that_says_so() {
    let image = ImageFile::reference();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_daxfs-inspect"))
        .args(["ls".as_ref(), image.path().as_os_str()])
        .stdout(full)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("cannot write the output: No space left"),
        "{message}"
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Opening a FIFO must not wait for a writer.
#[test]
fn nobody_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let run = inspect(&["info", fifo.to_str().unwrap()]);
    assert_eq!(run.code, 1);
    assert!(
        run.err.contains("a regular file or a block device"),
        "{}",
        run.err
    );
}

#[test]
fn wrong_usage_has_its_own_exit_status() {
    for arguments in [
        &["frobnicate"][..],
        &["ls"],
        &["stat", "image"],
        &["ls", "--colour", "x"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_daxfs-inspect"))
            .args(arguments)
            .output();
        assert_eq!(output.unwrap().status.code(), Some(2), "{arguments:?}");
    }
}

/// A mistyped number is not damage.
#[test]
fn an_inode_that_does_not_exist_is_missing() {
    let image = ImageFile::reference();
    let summary = image.run("info", &["--json"]).json();
    let count = &summary[0]["image"]["inodes"];
    for path in ["<99>", "<0>", "<4294967295>/file"] {
        let number = path.trim_start_matches('<').split('>').next().unwrap();
        let run = image.run("cat", &[path]);
        assert_eq!((run.code, run.out.len()), (1, 0));
        let message = format!(
            "daxfs-inspect: {path}: no inode {number}: the image has inodes 1 to {count}\n"
        );
        assert_eq!(run.err, message);
    }
}

/// A name with control characters, of a file that cannot be read.
#[test]
fn the_name_of_an_unreadable_image_is_escaped() {
    let run = inspect(&["ls", "/nonexistent/a\x1b[31m\nb"]);
    let message = "daxfs-inspect: cannot read /nonexistent/a\\x1b[31m\\x0ab: No such file";
    assert!(run.err.starts_with(message), "{}", run.err);
}

#[test]
fn what_is_no_image_is_named() {
    for (path, message) in [
        (
            "/nonexistent/image",
            "cannot read /nonexistent/image: No such file",
        ),
        ("/", "cannot read /: "),
        (
            "/dev/null",
            "cannot read /dev/null: an image is a regular file or a block device",
        ),
    ] {
        for command in ["ls", "info", "dump", "map"] {
            let run = inspect(&[command, path]);
            assert_eq!((run.code, run.out.len()), (1, 0));
            assert!(run.err.contains(message), "{}", run.err);
        }
        let run = inspect(&["diff", path, path]);
        assert_eq!(run.code, 2);
    }
}

#[test]
fn ls_takes_what_fingers_type() {
    let image = ImageFile::reference();
    let plain = image.run("ls", &["directory"]).clean();
    for options in ["-a", "-A", "-1", "-1a", "-aA1"] {
        let run = image.run("ls", &[options, "directory"]).clean();
        assert_eq!(run.text(), plain.text(), "{options}");
    }
    let long = image.run("ls", &["-l", "directory"]).clean();
    for options in ["-la", "-lh", "-n", "-lah1", "-ln"] {
        let run = image.run("ls", &[options, "directory"]).clean();
        assert_eq!(run.text(), long.text(), "{options}");
    }
    let run = image.run("ls", &["-d", "directory"]).clean();
    assert_eq!(run.text(), "/directory\n");
    let run = image.run("ls", &["-dF", "/directory", "/link"]).clean();
    assert_eq!(run.text(), "/directory/\n/link@\n");
    let reverse = image.run("ls", &["-r"]).clean();
    let mut names: Vec<&str> = reverse.text().lines().collect();
    names.reverse();
    let forwards = image.run("ls", &[]).clean();
    assert_eq!(names, forwards.text().lines().collect::<Vec<_>>());
}

#[test]
fn ls_sorts_by_size_and_time() {
    let image = ImageFile::reference();
    for (options, key) in [("-S", "size"), ("-t", "mtime")] {
        let listed = image.run("ls", &[options, "--json"]).clean().json();
        let rank = |line: &Value| match key {
            "size" => line["size"].as_i64().unwrap(),
            _ => line["mtime"]["seconds"].as_i64().unwrap(),
        };
        let ranks: Vec<i64> = listed.iter().map(rank).rev().collect();
        assert!(ranks.is_sorted(), "{options}: {ranks:?}");
    }
}

#[test]
fn tree_shows_directories_only() {
    let image = ImageFile::reference();
    let run = image.run("tree", &["-d", "directory"]).clean();
    let expected = "/directory\n|-- nested\n|   `-- deeper\n`-- sibling\n\n3 directories\n";
    assert_eq!(run.text(), expected);
    let json = image.run("tree", &["-d", "--json"]).clean().json();
    assert!(json.iter().all(|line| line["type"] == "directory"));
}

#[test]
fn json_may_stand_before_the_command_and_an_image_may_stand_alone() {
    let image = ImageFile::reference();
    let path = image.path().as_os_str();
    let parse = |arguments: &[&std::ffi::OsStr]| {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.into()).collect();
        daxfs_inspect::cli::parse(&arguments)
    };
    for arguments in [
        &["--json".as_ref(), "info".as_ref(), path][..],
        &["info".as_ref(), path, "--json".as_ref()],
        &["--json".as_ref(), path],
        &[path, "--json".as_ref()],
    ] {
        let cli = parse(arguments).unwrap();
        assert!(cli.json, "{arguments:?}");
        assert!(matches!(cli.command, daxfs_inspect::cli::Command::Info(_)));
    }
    let error = parse(&[path, "ls".as_ref()]).unwrap_err().to_string();
    assert!(
        error.contains("an image follows the command: ls "),
        "{error}"
    );
    let error = parse(&["lss".as_ref(), path]).unwrap_err().to_string();
    assert!(error.contains("'ls'"), "{error}");
}

/// A wrong command line is a record too.
#[test]
fn errors_of_usage_are_records() {
    let output = Command::new(env!("CARGO_BIN_EXE_daxfs-inspect"))
        .args(["ls", "--json", "--colour"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    let records = daxfs_test_json::records(&text).unwrap();
    assert_eq!(records[0]["record"], "error");
    assert_eq!(records[0]["tool"], "daxfs-inspect");
    assert!(records[0]["message"].as_str().unwrap().contains("--colour"));
}

#[test]
fn errors_and_missing_paths_are_records() {
    let image = ImageFile::reference();
    let records = image.run("stat", &["none", "--json"]).json();
    assert_eq!(records[0]["record"], "error");
    assert_eq!(records[0]["path"], "none");
    let records = inspect(&["info", "/nonexistent", "--json"]).json();
    assert_eq!(records[0]["record"], "error");
}
