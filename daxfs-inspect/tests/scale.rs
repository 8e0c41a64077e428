// SPDX-License-Identifier: MIT OR Apache-2.0
//! Very wide and very deep trees: no recursion, and no cost that grows with the square.
//!
//! The limits are a hundred times what the commands take, and far below what a quadratic one would.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what it has found"
)]
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod support;

use std::time::{Duration, Instant};

use daxfs_hostile::writer::{Body, Form, Tree, ROOT};
use support::{inspect, ImageFile, Run};

const LIMIT: Duration = Duration::from_secs(60);

fn timed(image: &ImageFile, command: &str, rest: &[&str]) -> Run {
    let start = Instant::now();
    let run = image.run(command, rest).clean();
    let took = start.elapsed();
    println!("{command}: {} bytes in {took:?}", run.out.len());
    assert!(took < LIMIT, "{command} took {took:?}");
    run
}

#[test]
fn a_tree_100_000_directories_deep() {
    const DEPTH: usize = 100_000;
    let mut tree = Tree::new(Form::default());
    let mut parent = ROOT;
    for _ in 0..DEPTH {
        parent = tree.add(parent, b"deeper", Body::Directory);
    }
    tree.add(parent, b"bottom", Body::Packed(b"here".to_vec()));
    let image = ImageFile::new(&tree.write());
    let text = timed(&image, "tree", &[]);
    assert!(text.text().contains("\n[depth 100001] bottom\n"));
    assert!(text.text().ends_with("\n100000 directories, 1 file\n"));
    let list = timed(&image, "ls", &["-R"]);
    assert_eq!(
        list.text().lines().filter(|line| *line == "deeper").count(),
        DEPTH
    );
    let last = timed(&image, "map", &["--json", "-a"]).json();
    let path = last[1]["path"].as_str().unwrap();
    assert!(
        path.starts_with('<') && path.ends_with("/deeper/bottom"),
        "{path}"
    );
    assert_eq!(timed(&image, "cat", &[path]).text(), "here");
    let deep = "deeper/".repeat(10_000);
    assert_eq!(timed(&image, "ls", &[&deep]).text(), "deeper\n");
    timed(&image, "dump", &[]);
    let start = Instant::now();
    let same = inspect(&[
        "diff".as_ref(),
        image.path().as_os_str(),
        image.path().as_os_str(),
    ]);
    same.clean();
    assert!(start.elapsed() < LIMIT);
}

#[test]
fn a_directory_of_a_million_entries() {
    const COUNT: usize = 1_000_000;
    let mut tree = Tree::new(Form::default());
    let wide = tree.add(ROOT, b"wide", Body::Directory);
    for number in 0..COUNT {
        tree.add(wide, format!("entry-{number:07}").as_bytes(), Body::Empty);
    }
    let image = ImageFile::new(&tree.write());
    let names = timed(&image, "ls", &["wide"]);
    assert_eq!(names.text().lines().count(), COUNT);
    assert!(names.text().starts_with("entry-0000000\nentry-0000001\n"));
    assert_eq!(
        timed(&image, "ls", &["-l", "wide"]).text().lines().count(),
        COUNT
    );
    assert!(timed(&image, "tree", &[])
        .text()
        .ends_with("1 directory, 1000000 files\n"));
    assert_eq!(
        timed(&image, "stat", &["wide/entry-0999999"])
            .text()
            .lines()
            .next(),
        Some("path     /wide/entry-0999999")
    );
    let start = Instant::now();
    inspect(&[
        "diff".as_ref(),
        image.path().as_os_str(),
        image.path().as_os_str(),
    ])
    .clean();
    assert!(start.elapsed() < LIMIT);
}
