// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest cases, and runs of them on a patched module. A case fails also if the kernel is in
//! trouble while it runs.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::list::Patch;
use crate::kernel::config::Configuration;
use crate::qemu::{Kind, Trials};
use crate::workspace::root;

/// The directories of the checkout that the module is built from.
pub(super) const SOURCES: &[&str] = &["daxfs-kmod", "daxfs-format"];

/// Builds the module in a directory with a copy of [`SOURCES`], and runs guests.
pub(super) struct Guests<'d> {
    dir: &'d Path,
    trials: Trials,
}

impl<'d> Guests<'d> {
    pub(super) fn new(dir: &'d Path) -> Self {
        Self {
            dir,
            trials: Trials::default(),
        }
    }

    /// Runs the cases of a patch on the module as it is in the copy, and returns those that must
    /// fail and do not.
    pub(super) fn passing(&mut self, patch: &Patch) -> Result<Vec<String>> {
        let (mut failing, mut modules) = (BTreeSet::new(), BTreeMap::new());
        for (suite, cases) in by_suite(patch) {
            let kind = Kind::of(suite).with_context(|| format!("no suite is called {suite}"))?;
            let module = match modules.entry(kind.kernel()) {
                Entry::Occupied(module) => module.into_mut(),
                Entry::Vacant(missing) => missing.insert(self.module(kind.kernel())?),
            };
            for (case, reason) in self.trials.failing(suite, &cases, module)? {
                let case = format!("{suite}/{case}");
                eprintln!("  {case}: {}", beginning(&reason));
                failing.insert(case);
            }
        }
        let passing = patch.cases.iter().filter(|case| !failing.contains(*case));
        Ok(passing.cloned().collect())
    }

    /// Builds the module for a kernel. Each kernel has a directory of its own for the objects, of
    /// which little changes from one patch to the next.
    fn module(&mut self, kernel: Configuration) -> Result<PathBuf> {
        let objects = self.dir.join(format!("objects-{}", kernel.name()));
        fs::create_dir_all(&objects)?;
        let source = self.dir.join("daxfs-kmod");
        self.trials.build(kernel, &source, &objects)
    }
}

/// As much of a reason as shows if it is the one that was meant.
fn beginning(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    line.chars().take(300).collect()
}

/// The cases that run for a patch, by their suites.
fn by_suite(patch: &Patch) -> BTreeMap<&str, Vec<&str>> {
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let cases = patch.cases.iter().chain(&patch.after);
    for (suite, case) in cases.filter_map(|case| case.split_once('/')) {
        suites.entry(suite).or_default().push(case);
    }
    suites
}

/// The cases of all guests that run alone, as `suite/case`.
pub(super) fn cases() -> Result<BTreeSet<String>> {
    let guest = root().join("tests/vm/guest/src");
    let mut found = BTreeSet::new();
    for file in fs::read_dir(guest.join("cases"))? {
        let text = fs::read_to_string(file?.path())?;
        let cases = cases_in(&text).filter(|(suite, _)| Kind::of(suite).is_some());
        found.extend(cases.map(|(suite, case)| format!("{suite}/{case}")));
    }
    let text = fs::read_to_string(guest.join("leaks.rs"))?;
    found.insert(format!("faults/{}", leak_check_in(&text)?));
    Ok(found)
}

/// The case that ends every suite in the sanitizer kernel.
fn leak_check_in(text: &str) -> Result<&str> {
    let name = text.split_once("const CASE: &str = \"");
    let name = name.and_then(|(_, rest)| rest.split_once('"'));
    Ok(name.context("the search for leaks has no name")?.0)
}

/// The cases in a file, with their suites: each call in its table of cases is named after the
/// suite, and has the name of the case as its first argument.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_found_in_their_tables() {
        let text = "const CASES: &[Case] = &[\n    a(\"one\", x),\n    b(\n        \"two\", y).z(&[\"no\"]),\n];";
        let found: Vec<_> = cases_in(text).collect();
        assert_eq!(found, [("a", "one"), ("b", "two")]);
        let text = "/// x\npub(crate) const CASE: &str = \"none\";\n";
        assert_eq!(leak_check_in(text).unwrap(), "none");
    }
}
