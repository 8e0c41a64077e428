// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of the lists of breaks.
//!
//! ```text
//! > Text for docs/breaks.md.
//!
//! == A part of the product
//! what the break does
//!   fails: group/case, group/case
//!   after: group/case
//!   in: path/of/the/file.rs
//! - text that the file has once
//! + text in its place
//! ```
//!
//! Of a line of text, all that follows the mark and one blank counts. What a case judges may be what others did
//! before: those are named by `after:`, and may pass. A break may edit several places, each
//! with an `in:` of its own. Lines that begin with `#` are remarks.

use anyhow::{bail, ensure, Context, Result};

/// A list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// What docs/breaks.md says above the tables, in lines.
    pub(super) about: String,
    /// The breaks.
    pub(super) breaks: Vec<Break>,
}

/// A change to the product that some cases must notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// The part of the product.
    pub(super) part: String,
    /// What it does.
    pub(super) what: String,
    /// The cases that must fail, as `group/case`.
    pub(super) cases: Vec<String>,
    /// Cases that run with them, and may pass.
    pub(super) after: Vec<String>,
    /// The changes.
    pub(super) edits: Vec<Edit>,
}

/// One change of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    /// The file, from the root of the checkout.
    pub(super) file: String,
    /// What is replaced; the file has it once.
    pub(super) old: Vec<String>,
    /// What comes in its place.
    pub(super) new: Vec<String>,
}

impl Edit {
    /// The text of the file after the change.
    pub(super) fn apply(&self, text: &str) -> Result<String> {
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

/// Reads a list.
pub(super) fn parse(text: &str) -> Result<List> {
    let (mut part, mut list) = (String::new(), List::default());
    for (number, line) in text.lines().enumerate() {
        take(line, &mut part, &mut list).with_context(|| format!("line {}", number + 1))?;
    }
    for entry in &list.breaks {
        ensure!(
            !entry.cases.is_empty() && !entry.edits.is_empty(),
            "\"{}\" lacks cases or changes",
            entry.what
        );
    }
    Ok(list)
}

fn take(line: &str, part: &mut String, list: &mut List) -> Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if let Some(text) = line.strip_prefix('>') {
        list.about.push_str(text.trim_start());
        list.about.push('\n');
        return Ok(());
    }
    if let Some(name) = line.strip_prefix("== ") {
        name.clone_into(part);
        return Ok(());
    }
    match DETAILS
        .iter()
        .find_map(|(prefix, mark)| Some((mark, line.strip_prefix(prefix)?)))
    {
        Some((mark, rest)) => detail(mark, rest, &mut list.breaks),
        None => {
            ensure!(!line.starts_with(' '), "unknown detail");
            list.breaks.push(Break {
                part: part.clone(),
                what: line.to_owned(),
                cases: Vec::new(),
                after: Vec::new(),
                edits: Vec::new(),
            });
            Ok(())
        }
    }
}

fn detail(mark: &Mark, rest: &str, all: &mut [Break]) -> Result<()> {
    let entry = all.last_mut().context("no break begins before")?;
    match mark {
        Mark::Fails => entry.cases.extend(rest.split(", ").map(str::to_owned)),
        Mark::After => entry.after.extend(rest.split(", ").map(str::to_owned)),
        Mark::In => entry.edits.push(Edit {
            file: rest.to_owned(),
            ..Edit::default()
        }),
        Mark::Old => edit(entry)?.old.push(rest.to_owned()),
        Mark::New => edit(entry)?.new.push(rest.to_owned()),
    }
    Ok(())
}

/// How the lines of a break begin. A blank before a text that is empty may be left out.
const DETAILS: [(&str, Mark); 7] = [
    ("  fails: ", Mark::Fails),
    ("  after: ", Mark::After),
    ("  in: ", Mark::In),
    ("- ", Mark::Old),
    ("-", Mark::Old),
    ("+ ", Mark::New),
    ("+", Mark::New),
];

/// What a line of a break is.
enum Mark {
    Fails,
    After,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_read_with_its_changes() {
        let text =
            "# why\n> about\n>\n== Part\nwhat\n  fails: a/b, a/c\n  after: a/d\n  in: x.rs\n-     one\n-     two\n+ three\n+\n+ four\n";
        let list = parse(text).unwrap();
        assert_eq!(list.about, "about\n\n");
        let found = list.breaks;
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].part.as_str(), found[0].what.as_str()),
            ("Part", "what")
        );
        assert_eq!(found[0].cases, ["a/b", "a/c"]);
        assert_eq!(found[0].after, ["a/d"]);
        let edit = &found[0].edits[0];
        assert_eq!(
            edit.apply("a\n    one\n    two\nb\n").unwrap(),
            "a\nthree\n\nfour\nb\n"
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
}
