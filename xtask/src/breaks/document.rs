// SPDX-License-Identifier: MIT OR Apache-2.0
//! The document: tables of parts, breaks and cases, made from the lists.

use std::fmt::Write as _;

use anyhow::Result;

use super::list::Break;
use super::SUBJECTS;

/// docs/breaks.md as it should be.
pub(super) fn text() -> Result<String> {
    let mut text = String::from(HEAD);
    for subject in SUBJECTS {
        let list = subject.read()?;
        write!(text, "\n{}", list.about)?;
        tables(&mut text, &list.breaks)?;
    }
    Ok(text)
}

fn tables(text: &mut String, all: &[Break]) -> Result<()> {
    let mut part = "";
    for entry in all {
        if entry.part != part {
            part = &entry.part;
            writeln!(
                text,
                "\n### {part}\n\n| break | cases that must fail |\n|---|---|"
            )?;
        }
        let cases: Vec<String> = entry.cases.iter().map(|case| format!("`{case}`")).collect();
        writeln!(text, "| {} | {} |", entry.what, cases.join(", "))?;
    }
    Ok(())
}

/// What the document begins with.
const HEAD: &str = "# Breaks that tests must notice

A test that cannot fail proves nothing. Each row is a change that breaks the code, and the cases that must
fail for it; their names say what they promise. `cargo xtask breaks` makes each change to a copy of the source,
builds it, runs the cases, and wants every one of them to fail. This page is made from the lists of changes by
`cargo xtask breaks document`. `cargo xtask check` looks whether every change still fits the source, and
whether every case has one.
";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::workspace::root;

    #[test]
    fn the_document_is_made_from_the_lists() {
        let found = fs::read_to_string(root().join("docs/breaks.md")).unwrap();
        assert!(
            found == text().unwrap(),
            "run `cargo xtask breaks document > docs/breaks.md`"
        );
    }
}
