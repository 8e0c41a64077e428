// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of the list of patches.
//!
//! ```text
//! == A part of the module
//! the effect of the patch
//!   fails: suite/case, suite/case
//!   after: suite/case
//!   in: path/of/the/file.rs
//! - text that the file has once
//! + text that replaces it
//! ```
//!
//! Of a line of text, all that follows the mark and one blank counts. Cases named by `after:` run
//! with the others because those judge their effects; they may pass. A patch may edit several
//! files, each with an `in:` of its own. Lines that begin with `#` or `>` are remarks.

use anyhow::{ensure, Context, Result};

/// A change of the module that some cases must notice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Patch {
    /// The part of the module.
    pub(super) part: String,
    /// The effect.
    pub(super) effect: String,
    /// The cases that must fail, as `suite/case`.
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
    /// The lines that are replaced; the file has them once.
    pub(super) old: Vec<String>,
    /// The lines that replace them.
    pub(super) new: Vec<String>,
}

impl Edit {
    /// Returns the text of the file after the change.
    pub(super) fn apply(&self, text: &str) -> Result<String> {
        let (old, new) = (self.old.join("\n"), self.new.join("\n"));
        ensure!(!old.is_empty(), "an edit of {} replaces nothing", self.file);
        let count = text.matches(&old).count();
        ensure!(count == 1, "{} has {count} times: {old}", self.file);
        Ok(text.replacen(&old, &new, 1))
    }
}

/// Reads a list.
pub(super) fn parse(text: &str) -> Result<Vec<Patch>> {
    let (mut part, mut patches) = ("", Vec::new());
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("== ") {
            part = name;
        } else if !line.is_empty() && !line.starts_with(['#', '>']) {
            take(line, part, &mut patches).with_context(|| format!("line {}", number + 1))?;
        }
    }
    for Patch {
        effect,
        cases,
        edits,
        ..
    } in &patches
    {
        let whole = !cases.is_empty() && !edits.is_empty();
        ensure!(whole, "\"{effect}\" lacks cases or edits");
    }
    Ok(patches)
}

/// Takes a line of a patch.
fn take(line: &str, part: &str, patches: &mut Vec<Patch>) -> Result<()> {
    let Some((mark, rest)) = marked(line) else {
        ensure!(!line.starts_with(' '), "unknown detail");
        patches.push(Patch {
            part: part.to_owned(),
            effect: line.to_owned(),
            ..Patch::default()
        });
        return Ok(());
    };
    let patch = patches.last_mut().context("no patch begins before")?;
    let names = || rest.split(", ").map(str::to_owned);
    let edit = patch.edits.last_mut();
    match mark {
        "  fails: " => patch.cases.extend(names()),
        "  after: " => patch.after.extend(names()),
        "  in: " => patch.edits.push(Edit {
            file: rest.to_owned(),
            ..Edit::default()
        }),
        "-" => edit.context(NO_FILE)?.old.push(rest.to_owned()),
        _ => edit.context(NO_FILE)?.new.push(rest.to_owned()),
    }
    Ok(())
}

const NO_FILE: &str = "no file is named before";

/// A line's mark and the text after it. A blank before a text that is empty may be left out.
fn marked(line: &str) -> Option<(&str, &str)> {
    const MARKS: [&str; 5] = ["  fails: ", "  after: ", "  in: ", "-", "+"];
    let mark = MARKS.into_iter().find(|mark| line.starts_with(mark))?;
    let rest = &line[mark.len()..];
    let is_text = matches!(mark, "-" | "+");
    let rest = rest.strip_prefix(' ').filter(|_| is_text).unwrap_or(rest);
    Some((mark, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_read_with_its_edits() {
        let text =
            "# why\n> about\n>\n== Part\nwhat\n  fails: a/b, a/c\n  after: a/d\n  in: x.rs\n-     one\n-     two\n+ three\n+\n+ four\n";
        let found = parse(text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].part.as_str(), found[0].effect.as_str()),
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
