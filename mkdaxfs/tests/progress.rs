// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress of a build, without a terminal.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::{noise, Scene};

fn run(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mkdaxfs"));
    command
        .args(arguments)
        .arg(scene.source())
        .arg(scene.image());
    command.output().unwrap()
}

/// The records on standard error.
fn records(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with('{')).collect();
    daxfs_test_json::records(&lines.join("\n")).unwrap()
}

fn is(record: &Value, phase: &str, state: &str) -> bool {
    (&record["phase"], &record["state"]) == (&phase.into(), &state.into())
}

#[test]
fn each_phase_begins_and_ends() {
    let scene = Scene::new();
    scene.write("file", noise(1, 3_000_000));
    scene.write("same", noise(1, 3_000_000));
    let output = run(&scene, &["--progress=json", "-q"]);
    assert!(output.status.success() && output.stdout.is_empty());
    let records = records(&output);
    let mut ends = records.iter().filter(|record| record["state"] != "running");
    for phase in ["scan", "compare", "copy", "metadata", "publish"] {
        for state in ["begin", "end"] {
            let record = ends.next().unwrap();
            assert!(is(record, phase, state), "{record}");
        }
    }
    assert_eq!(ends.next(), None);
    let end = |phase| {
        records
            .iter()
            .find(|record| is(record, phase, "end"))
            .unwrap()
    };
    assert_eq!(
        (&end("scan")["done"], end("scan").get("total")),
        (&3.into(), None)
    );
    let copy = end("copy");
    assert_eq!(
        (&copy["done"], &copy["total"]),
        (&6_000_000.into(), &6_000_000.into())
    );
}

#[test]
fn a_phase_that_fails_does_not_end() {
    let scene = Scene::new();
    scene.write("a/b", "c");
    // No file has this owner, which is found out after the scan.
    let output = run(&scene, &["--progress=json", "--uid-map=4000000000:0:1"]);
    assert_eq!(output.status.code(), Some(1));
    let records = records(&output);
    assert!(
        is(records.last().unwrap(), "scan", "begin")
            || records.last().unwrap()["state"] == "running"
    );
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.lines().last().unwrap().starts_with("mkdaxfs: "),
        "{text}"
    );
}

#[test]
fn lines_are_printed_only_if_they_are_asked_for() {
    let scene = Scene::new();
    scene.write("file", noise(1, 10_000));
    for (arguments, is_shown) in [
        (&[][..], false),
        (&["--progress=auto"], false),
        (&["--progress=never"], false),
        (&["--progress=always"], true),
        (&["--progress=always", "-q"], true),
        (&["--progress=auto", "-q"], false),
    ] {
        let output = run(&scene, &[&["-f"], arguments].concat());
        assert!(output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        let is_found = text.contains("mkdaxfs: scanning: 2 entries, done\n");
        assert_eq!((is_found, text.is_empty()), (is_shown, !is_shown), "{text}");
    }
    for value in ["--progress=some", "--progress=", "--progress=JSON"] {
        assert_eq!(run(&scene, &[value]).status.code(), Some(2), "{value}");
    }
}
