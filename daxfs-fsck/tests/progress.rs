// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress of each step, without a terminal.

mod support;

use serde_json::Value;
use support::{check, Run, Scratch};

/// The phases and states on standard error, without those within a phase.
fn states(run: &Run) -> Vec<(String, String)> {
    let lines: Vec<_> = run
        .stderr
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let records = daxfs_test_json::records(&lines.join("\n")).expect("records of the schema");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let states = records
        .iter()
        .map(|record| (text(&record["phase"]), text(&record["state"])));
    states.filter(|(_, state)| state != "running").collect()
}

#[test]
fn each_phase_begins_and_ends() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    let paths = ["tree", "archive"].map(|name| scratch.join(name).display().to_string());
    let [tree, archive] = &paths;
    for (arguments, last) in [
        (&[][..], None),
        (&["--verify-data"], Some("verify")),
        (&["--extract", tree], Some("extract")),
        (&["--tar", archive], Some("archive")),
    ] {
        let run = check(&image, &[&["--progress=json", "-q"], arguments].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        let phases = ["check"].into_iter().chain(last);
        let expected = phases.flat_map(|phase| ["begin", "end"].map(|state| (phase, state)));
        let expected: Vec<_> = expected
            .map(|(phase, state)| (phase.to_owned(), state.to_owned()))
            .collect();
        assert_eq!(states(&run), expected);
    }
}

#[test]
fn lines_are_printed_only_if_they_are_asked_for() {
    let scratch = Scratch::new();
    let image = scratch.small_image();
    for (arguments, text) in [
        (&["--verify-data"][..], ""),
        (&["--progress=never"], ""),
        (
            &["--progress=always"],
            "daxfs-fsck: checking\ndaxfs-fsck: checking, done\n",
        ),
    ] {
        let run = check(&image, arguments);
        assert_eq!((run.status, &*run.stderr), (0, text));
    }
    assert_eq!(check(&image, &["--progress=some"]).status, 16);
}
