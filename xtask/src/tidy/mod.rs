// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules about the source tree that no compiler checks.
//!
//! | module | rule | why |
//! |---|---|---|
//! | [`layers`] | the module's layers name those below them only | a layer can be read without those above it |
//! | [`licences`] | each source file starts with its SPDX line | the licence of every file is beyond doubt |
//! | [`links`] | links between pages lead somewhere | a page that moved is still found |
//! | [`marks`] | no notes of unfinished work | what is unfinished is not merged |
//! | [`marks`] | unsafe code is allowed in named directories only | everything else can be read as safe |
//! | [`members`] | each member inherits the workspace's lints | no crate escapes the rules by omission |
//! | [`members`] | dependencies point one way | the format crate knows no tool, and xtask links no product |
//! | [`prose`] | documentation begins with a noun phrase or a verb | a heading without a head says little |
//! | [`prose`] | lines of Markdown end by column 100 | pages can be read and compared side by side |

mod layers;
mod licences;
mod links;
mod marks;
mod members;
mod prose;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, Result};

use crate::report::Log;
use crate::{process, workspace};

/// A source file of the repository.
struct SourceFile {
    /// Path from the root of the checkout.
    name: String,
    text: String,
}

/// Checks every rule and reports all findings at once in the log of a stage.
///
/// # Errors
/// When a rule is broken, or the tree cannot be read.
pub(crate) fn run(log: &mut Log) -> Result<()> {
    let files = tracked_files()?;
    let findings = findings(&files)?;
    for finding in &findings {
        log.line(finding);
    }
    log.note(format!("{} files", files.len()));
    verdict(&findings)
}

/// Checks every rule and prints the findings.
///
/// # Errors
/// When a rule is broken, or the tree cannot be read.
pub(crate) fn print() -> Result<()> {
    let files = tracked_files()?;
    let findings = findings(&files)?;
    for finding in &findings {
        println!("{finding}");
    }
    verdict(&findings)
}

fn findings(files: &[SourceFile]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files {
        check_file(&file.name, &file.text, &mut findings);
    }
    links::check(files, &mut findings);
    members::check(&mut findings)?;
    Ok(findings)
}

fn check_file(name: &str, text: &str, findings: &mut Vec<String>) {
    if is_source(name) {
        licences::check(name, text, findings);
        marks::check_notes(name, text, findings);
    }
    if name.ends_with(".rs") {
        layers::check(name, text, findings);
        marks::check_unsafe(name, text, findings);
        prose::check_documentation(name, text, findings);
    }
    if name.ends_with(".md") {
        prose::check_width(name, text, findings);
    }
}

fn is_source(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    matches!(extension, Some("rs" | "c" | "h" | "S" | "sh" | "py"))
        || name == ".ci/run"
        || name.ends_with("/Kbuild")
}

/// Reads the text files that git tracks. A file that is deleted but still in git's index is left
/// out.
fn tracked_files() -> Result<Vec<SourceFile>> {
    let list = process::capture(
        Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(workspace::root()),
    )?;
    let file = |name: &str| {
        let text = fs::read_to_string(workspace::root().join(name)).ok()?;
        let name = name.to_owned();
        Some(SourceFile { name, text })
    };
    Ok(list.split_terminator('\0').filter_map(file).collect())
}

/// Turns findings into an error that counts them by directory.
fn verdict(findings: &[String]) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let areas = by_area(findings);
    let areas: Vec<_> = areas
        .iter()
        .map(|(area, n)| format!("{area} {n}"))
        .collect();
    bail!("{} findings: {}", findings.len(), areas.join(", "))
}

/// Counts findings by the first directory of their file; those below `tests/` by the first two.
fn by_area(findings: &[String]) -> BTreeMap<&str, usize> {
    let mut areas = BTreeMap::new();
    for finding in findings {
        let name = finding.split(':').next().unwrap_or_default();
        *areas.entry(area(name)).or_default() += 1;
    }
    areas
}

fn area(name: &str) -> &str {
    let depth = if name.starts_with("tests/") { 2 } else { 1 };
    let end = name.match_indices('/').nth(depth - 1);
    end.map_or(name, |(end, _)| name.get(..end).unwrap_or(name))
}

#[cfg(test)]
fn findings_in(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    check_file(name, text, &mut findings);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_by_directory() {
        let findings = [
            "xtask/src/main.rs:3: a".to_owned(),
            "tests/vm/guest/src/main.rs:3: a".to_owned(),
            "xtask/src/main.rs:4: a".to_owned(),
            "README.md:1: a".to_owned(),
            "daxfs-image: must not depend on mkdaxfs".to_owned(),
        ];
        let expected = [
            ("README.md", 1),
            ("daxfs-image", 1),
            ("tests/vm", 1),
            ("xtask", 2),
        ];
        assert_eq!(by_area(&findings), BTreeMap::from(expected));
    }
}
