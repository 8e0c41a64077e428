// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list of breaks, `tests/guest/breaks.txt`.
//!
//! ```text
//! == A part of the module
//! what the break does
//!   fails: suite/case, suite/case
//!   in: daxfs-kmod/path/of/the/file.rs
//! - text that the file has once
//! + text in its place
//! ```
//!
//! Of a line of text, all that follows the mark and one blank counts. A break may edit several places, each
//! with an `in:` of its own. Lines that begin with `#` are remarks.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{bail, ensure, Context, Result};

use crate::workspace::root;

/// A change to the module that some cases must notice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Break {
    /// The part of the module.
    pub(crate) part: String,
    /// What it does.
    pub(crate) what: String,
    /// The cases that must fail, as `suite/case`.
    pub(crate) cases: Vec<String>,
    /// The changes.
    pub(crate) edits: Vec<Edit>,
}

/// One change of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The file, from the root of the checkout.
    pub(crate) file: String,
    /// What is replaced; the file has it once.
    pub(crate) old: Vec<String>,
    /// What comes in its place.
    pub(crate) new: Vec<String>,
}

impl Edit {
    /// The text of the file after the change.
    pub(crate) fn apply(&self, text: &str) -> Result<String> {
        let (old, new) = (self.old.join("\n"), self.new.join("\n"));
        ensure!(
            !old.is_empty(),
            "a change of {} replaces nothing",
            self.file
        );
        let count = text.matches(&old).count();
        ensure!(count == 1, "{} has {count} times: {old}", self.file);
        Ok(text.replacen(&old, &new, 1))
    }
}

/// The list of the project.
pub(crate) fn read() -> Result<Vec<Break>> {
    let path = root().join("tests/guest/breaks.txt");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text)
}

/// What is wrong with the list: changes that no longer fit the source, and cases without a break.
pub(crate) fn faults(all: &[Break]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for edit in all.iter().flat_map(|entry| &entry.edits) {
        let text = fs::read_to_string(root().join(&edit.file))
            .with_context(|| format!("cannot read {}", edit.file))?;
        faults.extend(edit.apply(&text).err().map(|error| error.to_string()));
    }
    let listed: BTreeSet<&str> = all
        .iter()
        .flat_map(|entry| &entry.cases)
        .map(String::as_str)
        .collect();
    let cases = cases()?;
    let cases: BTreeSet<&str> = cases.iter().map(String::as_str).collect();
    let missing = cases.difference(&listed);
    faults.extend(missing.map(|case| format!("no break is there for the case {case}")));
    let unknown = listed.difference(&cases);
    faults.extend(unknown.map(|case| format!("there is no case {case}")));
    Ok(faults)
}

/// All guest cases, as `suite/case`, but for the suites of programs that others wrote: those test
/// themselves.
fn cases() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in fs::read_dir(root().join("tests/guest/src/cases"))? {
        let text = fs::read_to_string(file?.path())?;
        let own = cases_in(&text).filter(|(suite, _)| crate::qemu::is_suite(suite));
        found.extend(own.map(|(suite, case)| format!("{suite}/{case}")));
    }
    Ok(found)
}

/// The cases in a file, with their suites: each call in its table of cases is named after the suite, and
/// has the name of the case as its first argument.
fn cases_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let table = text.split_once("const CASES: &[Case] = &[");
    let table = table.and_then(|(_, rest)| rest.split_once("\n];"));
    let table = table.map_or("", |(table, _)| table);
    let calls = table.split('(').zip(table.split('(').skip(1));
    calls.filter_map(|(before, call)| {
        let case = call.trim_start().strip_prefix('"')?.split_once('"')?.0;
        Some((before.split_whitespace().last()?, case))
    })
}

/// Reads a list.
fn parse(text: &str) -> Result<Vec<Break>> {
    let (mut part, mut all) = (String::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        take(line, &mut part, &mut all).with_context(|| format!("line {}", number + 1))?;
    }
    for entry in &all {
        ensure!(
            !entry.cases.is_empty() && !entry.edits.is_empty(),
            "\"{}\" lacks cases or changes",
            entry.what
        );
    }
    Ok(all)
}

fn take(line: &str, part: &mut String, all: &mut Vec<Break>) -> Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if let Some(name) = line.strip_prefix("== ") {
        name.clone_into(part);
        return Ok(());
    }
    let detail = [
        ("  fails: ", Mark::Fails),
        ("  in: ", Mark::In),
        ("- ", Mark::Old),
        ("+ ", Mark::New),
        ("+", Mark::New),
    ];
    let detail = detail
        .iter()
        .find_map(|(prefix, mark)| Some((mark, line.strip_prefix(prefix)?)));
    let Some((mark, rest)) = detail else {
        ensure!(!line.starts_with(' '), "unknown detail");
        all.push(Break {
            part: part.clone(),
            what: line.to_owned(),
            cases: Vec::new(),
            edits: Vec::new(),
        });
        return Ok(());
    };
    let entry = all.last_mut().context("no break begins before")?;
    match mark {
        Mark::Fails => entry.cases.extend(rest.split(", ").map(str::to_owned)),
        Mark::In => entry.edits.push(Edit {
            file: rest.to_owned(),
            ..Edit::default()
        }),
        Mark::Old => edit(entry)?.old.push(rest.to_owned()),
        Mark::New => edit(entry)?.new.push(rest.to_owned()),
    }
    Ok(())
}

/// What a line of a break is.
enum Mark {
    Fails,
    In,
    Old,
    New,
}

fn edit(entry: &mut Break) -> Result<&mut Edit> {
    match entry.edits.last_mut() {
        Some(edit) => Ok(edit),
        None => bail!("no file is named before"),
    }
}

/// The document: a table of parts, cases and breaks.
pub(crate) fn document(all: &[Break]) -> String {
    let mut text = String::from(HEAD);
    let mut part = "";
    for entry in all {
        if entry.part != part {
            part = &entry.part;
            text.push_str(&format!(
                "\n## {part}\n\n| break | cases that must fail |\n|---|---|\n"
            ));
        }
        let cases: Vec<String> = entry.cases.iter().map(|case| format!("`{case}`")).collect();
        text.push_str(&format!("| {} | {} |\n", entry.what, cases.join(", ")));
    }
    text
}

/// What the document begins with.
const HEAD: &str = "# Breaks that the guest cases must notice

A case that cannot fail proves nothing. Each row is a change that breaks the kernel module, and the cases
that must fail for it; their names say what they promise. `cargo xtask breaks [FILTER]` makes each change to a
copy of the source, builds it, runs the cases, and wants every one of them to fail. The changes are in
`tests/guest/breaks.txt`, and this page is made from that file by `cargo xtask breaks --document`. The command
first looks whether every change still fits the source and every guest case has a break; `--check` does no more.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_read_with_its_changes() {
        let text =
            "# why\n== Part\nwhat\n  fails: a/b, a/c\n  in: x.rs\n-     one\n-     two\n+ three\n";
        let found = parse(text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].part.as_str(), found[0].what.as_str()),
            ("Part", "what")
        );
        assert_eq!(found[0].cases, ["a/b", "a/c"]);
        let edit = &found[0].edits[0];
        assert_eq!(
            edit.apply("a\n    one\n    two\nb\n").unwrap(),
            "a\nthree\nb\n"
        );
        assert!(edit.apply("a\nb\n").is_err());
    }

    #[test]
    fn lines_that_belong_to_nothing_are_refused() {
        assert!(parse("  fails: a/b\n").is_err());
        assert!(parse("what\n  fails: a/b\n- x\n").is_err());
        assert!(parse("what\n  fails: a/b\n").is_err());
        assert!(parse("what\n  fils: a/b\n").is_err());
    }

    #[test]
    fn the_document_is_made_from_the_list() {
        let found = fs::read_to_string(root().join("docs/breaks.md")).unwrap();
        assert!(
            found == document(&read().unwrap()),
            "run `cargo xtask breaks --document > docs/breaks.md`"
        );
    }

    #[test]
    fn cases_are_found_in_their_tables() {
        let text = "const CASES: &[Case] = &[\n    a(\"one\", x),\n    b(\n        \"two\", y).z(&[\"no\"]),\n];";
        let found: Vec<_> = cases_in(text).collect();
        assert_eq!(found, [("a", "one"), ("b", "two")]);
    }
}
