// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about hostile images says what the table says.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use daxfs_hostile::beyond::{ARGUMENTS, PEERS};
use daxfs_hostile::classes::all;
use daxfs_hostile::document::{markdown, part, BREAKS};

#[test]
fn the_page_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile.md");
    let page = fs::read_to_string(path).unwrap();
    assert!(
        page == markdown(),
        "docs/hostile.md is stale: cargo xtask hostile --document"
    );
}

/// Each class has failed once: it stands in the table of breaks.
#[test]
fn every_class_has_a_break() {
    let text = fs::read_to_string(part(BREAKS)).unwrap();
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    let words: BTreeSet<&str> = words.collect();
    let missing: Vec<_> = all()
        .map(|class| class.name)
        .filter(|name| !words.contains(name))
        .collect();
    assert!(missing.is_empty(), "no break for {missing:?}");
}

/// What is named as showing something exists: a test, or a case of the guests.
#[test]
fn whatever_shows_something_exists() {
    let known = tests_and_cases();
    let page = root().join("docs/security.md");
    let security = fs::read_to_string(page).unwrap();
    let mut named: Vec<String> = shown_by(&security);
    assert!(named.len() > 20, "docs/security.md names {named:?}");
    named.extend(
        PEERS
            .iter()
            .flat_map(|peer| peer.shown_by)
            .map(ToString::to_string),
    );
    named.extend(ARGUMENTS.iter().map(|class| class.case.to_owned()));
    let missing: Vec<_> = named.iter().filter(|name| !known.contains(*name)).collect();
    assert!(
        missing.is_empty(),
        "no test and no case is called {missing:?}"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in the last column of the tables that say "shown by".
fn shown_by(page: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        in_table = line.starts_with('|') && (in_table || line.ends_with("| shown by |"));
        let cell = line.trim_end_matches(" |").rsplit(" | ").next();
        if let Some(cell) = cell.filter(|_| in_table) {
            // What has a space is a command.
            let quoted = cell.split('`').skip(1).step_by(2);
            names.extend(quoted.filter(|name| !name.contains(' ')).map(str::to_owned));
        }
    }
    names
}

/// The names of all functions that are tests, and of all strings that name cases.
fn tests_and_cases() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left = vec![root()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                left.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                collect(
                    &text,
                    path.to_string_lossy().contains("/guest/"),
                    &mut names,
                );
            }
        }
    }
    names
}

fn collect(text: &str, is_guest: bool, names: &mut BTreeSet<String>) {
    for test in text.split("#[test]").skip(1) {
        let name = test
            .split_once("fn ")
            .and_then(|(_, rest)| rest.split('(').next());
        names.extend(name.map(str::to_owned));
    }
    if is_guest {
        names.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
    }
}
