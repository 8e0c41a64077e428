// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breaks of the kernel module, which the guest cases must notice. A case fails also if the kernel is in
//! trouble while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::subject::{Runner, Subject};
use crate::qemu::Trials;
use crate::workspace::root;

/// The kernel module and its guest cases, `suite/case`.
pub(super) const SUBJECT: Subject = Subject {
    name: "guest",
    list: "tests/guest/breaks.txt",
    sources: &["daxfs-kmod", "daxfs-format"],
    cases,
    runner: |dir| Ok(Box::new(Guests::prepare(dir)?)),
};

/// Builds the module and runs guests.
struct Guests {
    source: PathBuf,
    objects: PathBuf,
    trials: Trials,
}

impl Guests {
    fn prepare(dir: &Path) -> Result<Self> {
        let objects = dir.join("objects");
        fs::create_dir_all(&objects)?;
        Ok(Self {
            source: dir.join("daxfs-kmod"),
            objects,
            trials: Trials::prepare()?,
        })
    }
}

impl Runner for Guests {
    fn passing(&mut self, cases: &[&str]) -> Result<Vec<String>> {
        let module = self.trials.build(&self.source, &self.objects)?;
        let mut passing = Vec::new();
        for (suite, cases) in by_suite(cases) {
            let failed = self.trials.failing(suite, &cases, &module)?;
            let not = cases.iter().filter(|case| !failed.contains(**case));
            passing.extend(not.map(|case| format!("{suite}/{case}")));
        }
        Ok(passing)
    }

    /// `cargo xtask qemu-test` shows it, of all cases at once.
    fn passes_unbroken(&mut self, _: &BTreeSet<&str>) -> Result<()> {
        Ok(())
    }
}

/// The cases by their suites.
fn by_suite<'a>(cases: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (suite, case) in cases.iter().filter_map(|case| case.split_once('/')) {
        suites.entry(suite).or_default().push(case);
    }
    suites
}

/// All guest cases, but for the suites of programs that others wrote: those test themselves.
fn cases() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_found_in_their_tables() {
        let text = "const CASES: &[Case] = &[\n    a(\"one\", x),\n    b(\n        \"two\", y).z(&[\"no\"]),\n];";
        let found: Vec<_> = cases_in(text).collect();
        assert_eq!(found, [("a", "one"), ("b", "two")]);
    }
}
