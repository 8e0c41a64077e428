// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pages about hostile images agree with the tables.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;
use std::fs;

use daxfs_hostile::classes::{all, GROUPS};
use daxfs_hostile::document::{classes, file, CLASSES};
use daxfs_hostile::inputs::{ARGUMENTS, ARGUMENTS_CASE, PEERS};
use daxfs_vm_protocol::table::names_of_cases;

#[test]
fn the_page_is_not_stale() {
    let page = fs::read_to_string(file(CLASSES)).unwrap();
    assert!(
        page == classes(),
        "{CLASSES} is stale: cargo xtask hostile --document"
    );
}

/// The counts in the table of docs/hostile.md.
#[test]
fn the_page_counts_all_classes() {
    let page = fs::read_to_string(file("docs/hostile.md")).unwrap();
    let groups = GROUPS
        .iter()
        .map(|(group, classes)| (*group, classes.len()));
    let others = [
        ("All images", all().count()),
        ("Arguments of a mount", ARGUMENTS.len()),
        ("Peers that write while an image is read", PEERS.len()),
    ];
    for (group, count) in groups.chain(others) {
        let row = format!("| {group} | {count} |");
        assert!(page.contains(&row), "docs/hostile.md lacks {row:?}");
    }
}

/// Every name in the columns "shown by" is a test or a guest case.
#[test]
fn whatever_shows_something_exists() {
    let known = tests_and_cases();
    let security = fs::read_to_string(file("docs/security.md")).unwrap();
    let mut named: Vec<String> = shown_by(&security);
    assert!(named.len() > 20, "docs/security.md names {named:?}");
    named.extend(
        PEERS
            .iter()
            .flat_map(|peer| peer.shown_by)
            .map(ToString::to_string),
    );
    named.push(ARGUMENTS_CASE.to_owned());
    let missing: Vec<_> = named.iter().filter(|name| !known.contains(*name)).collect();
    assert!(
        missing.is_empty(),
        "no test and no case is called {missing:?}"
    );
}

/// The names in the last column of the tables that say "shown by".
fn shown_by(page: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        in_table = line.starts_with('|') && (in_table || line.ends_with("| shown by |"));
        let cell = line.trim_end_matches(" |").rsplit(" | ").next();
        if let Some(cell) = cell.filter(|_| in_table) {
            // A name with a space is a command.
            let quoted = cell.split('`').skip(1).step_by(2);
            names.extend(quoted.filter(|name| !name.contains(' ')).map(str::to_owned));
        }
    }
    names
}

/// Returns the names of all test functions and of all guest cases.
fn tests_and_cases() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = names_of_cases().into_iter().map(str::to_owned).collect();
    let mut left = vec![file("")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                left.push(path);
            } else if name.ends_with(".rs") {
                names.extend(test_functions(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

/// Returns the names of the test functions in a source text.
fn test_functions(text: &str) -> impl Iterator<Item = String> + '_ {
    let tests = text.split("#[test]").skip(1);
    let names = tests.filter_map(|test| test.split_once("fn ")?.1.split('(').next());
    names.map(str::to_owned)
}
