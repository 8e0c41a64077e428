// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask module-patches`: proof that guest cases can fail, for no tool mutates the kernel
//! module.
//!
//! Each patch of `tests/vm/module.patches` is applied to a copy of the source. The cases that it
//! names run in guests with the module built from the copy, and every one of them must fail.
//!
//! | module | owns |
//! |---|---|
//! | [`copy`] | the copy of the source |
//! | [`guest`] | the guest cases, and runs of them |
//! | [`list`] | the form of the list |

mod copy;
mod guest;
mod list;

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use anyhow::{ensure, Context, Result};

use self::copy::SourceCopy;
use self::guest::Guests;
use self::list::Patch;
use crate::workspace::root;

/// The list, from the root of the checkout.
const LIST: &str = "tests/vm/module.patches";

/// Suites of tests that others wrote. One case of each is enough: they test themselves, and the
/// patch tests the reading of their results.
const TESTS_OF_OTHERS: [&str; 2] = ["selftests", "stress"];

/// The actions of `cargo xtask module-patches`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ModulePatches {
    /// Check that every patch applies and that every case has one
    Check,
    /// Apply the patches one after the other, and see their guest cases fail
    Run {
        /// Only those whose part, effect or cases contain this
        filter: Option<String>,
    },
}

impl ModulePatches {
    /// Runs the action.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let path = root().join(LIST);
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {LIST}"))?;
        let all = list::parse(&text).with_context(|| format!("in {LIST}"))?;
        let faults = faults(&all, &guest::cases())?;
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        match self {
            Self::Check => {
                println!("{} patches", all.len());
                Ok(ExitCode::SUCCESS)
            }
            Self::Run { filter } => run_all(&all, filter.as_deref().unwrap_or_default()),
        }
    }
}

/// The faults of a list: edits that do not fit the source, cases that do not exist or have no
/// patch.
fn faults(all: &[Patch], cases: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for edit in all.iter().flat_map(|patch| &patch.edits) {
        let text = fs::read_to_string(root().join(&edit.file))
            .with_context(|| format!("cannot read {}", edit.file))?;
        faults.extend(edit.apply(&text).err().map(|error| error.to_string()));
    }
    let failing = all.iter().flat_map(|patch| &patch.cases);
    let failing: BTreeSet<&String> = failing.collect();
    let after = all.iter().flat_map(|patch| &patch.after);
    let unknown = failing
        .iter()
        .copied()
        .chain(after)
        .filter(|case| !cases.contains(*case));
    faults.extend(unknown.map(|case| format!("no case is called {case}")));
    let has_patch = |case: &String| {
        let suite = suite(case);
        let is_enough = |other: &&&String| {
            **other == case || TESTS_OF_OTHERS.contains(&suite) && self::suite(other) == suite
        };
        failing.iter().any(|other| is_enough(&other))
    };
    let bare = cases.iter().filter(|case| !has_patch(case));
    faults.extend(bare.map(|case| format!("no patch for the case {case}")));
    Ok(faults)
}

/// The suite of a case.
fn suite(case: &str) -> &str {
    case.split_once('/').map_or(case, |(suite, _)| suite)
}

/// Applies the patches that contain a text one after the other.
fn run_all(all: &[Patch], filter: &str) -> Result<ExitCode> {
    let wanted: Vec<_> = all.iter().filter(|patch| contains(patch, filter)).collect();
    ensure!(!wanted.is_empty(), "no patch contains {filter:?}");
    let copy = SourceCopy::new("module", guest::SOURCES)?;
    let mut guests = Guests::new(copy.dir());
    let mut missed = 0;
    for patch in &wanted {
        let effect = &patch.effect;
        match copy.with(patch, || guests.passing(patch)) {
            Ok(passed) if passed.is_empty() => {
                println!("noticed     {effect}: {}", patch.cases.join(", "));
                continue;
            }
            Ok(passed) => println!("MISSED      {effect}: not by {}", passed.join(", ")),
            Err(error) => println!("NOT APPLIED {effect}: {error:#}"),
        }
        missed += 1;
    }
    println!("{} patches noticed, {missed} missed", wanted.len() - missed);
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn contains(patch: &Patch, filter: &str) -> bool {
    let texts = [&patch.part, &patch.effect].into_iter();
    let mut texts = texts.chain(&patch.cases);
    texts.any(|text| text.contains(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_without_a_patch_is_named() {
        let names = |names: &[&str]| -> Vec<String> {
            let names = names.iter().map(|name| (*name).to_owned());
            names.collect()
        };
        let patch = Patch {
            cases: names(&["a/one", "stress/two", "stress/three"]),
            after: names(&["a/two", "d/one"]),
            ..Patch::default()
        };
        let cases = [
            "a/one",
            "a/two",
            "stress/one",
            "stress/two",
            "selftests/one",
        ];
        let cases = names(&cases).into_iter().collect();
        assert_eq!(
            faults(&[patch], &cases).unwrap(),
            [
                "no case is called stress/three",
                "no case is called d/one",
                "no patch for the case a/two",
                "no patch for the case selftests/one",
            ]
        );
    }
}
