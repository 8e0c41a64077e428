// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breaks of the kernel module, which the guest cases must notice. A case fails also if the kernel is in
//! trouble while it runs.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::list::Break;
use super::subject::{Cases, Runner, Subject};
use crate::kernel::config::Configuration;
use crate::qemu::{Kind, Trials};
use crate::workspace::root;

/// The kernel module and its guest cases, `suite/case`.
pub(super) const SUBJECT: Subject = Subject {
    name: "guest",
    list: "tests/vm/guest/breaks.txt",
    sources: &["daxfs-kmod", "daxfs-format"],
    cases,
    runner: |dir| {
        Ok(Box::new(Guests {
            dir: dir.to_owned(),
            trials: Trials::default(),
        }))
    },
};

/// Builds the module and runs guests.
struct Guests {
    dir: PathBuf,
    trials: Trials,
}

impl Guests {
    /// Builds the module for a kernel. Each kernel has a directory of its own for the objects, of which
    /// little changes from one break to the next.
    fn module(&mut self, kernel: Configuration) -> Result<PathBuf> {
        let objects = self.dir.join(format!("objects-{}", kernel.name()));
        fs::create_dir_all(&objects)?;
        let source = self.dir.join("daxfs-kmod");
        self.trials.build(kernel, &source, &objects)
    }
}

impl Runner for Guests {
    fn passing(&mut self, entry: &Break) -> Result<Vec<String>> {
        let (mut failing, mut modules) = (BTreeSet::new(), BTreeMap::new());
        for (suite, cases) in by_suite(entry) {
            let kind = Kind::of(suite).with_context(|| format!("no suite is called {suite}"))?;
            let module = match modules.entry(kind.kernel()) {
                Entry::Occupied(module) => module.into_mut(),
                Entry::Vacant(place) => place.insert(self.module(kind.kernel())?),
            };
            for (case, why) in self.trials.failing(suite, &cases, module)? {
                let case = format!("{suite}/{case}");
                eprintln!("  {case}: {}", beginning(&why));
                failing.insert(case);
            }
        }
        let passing = entry.cases.iter().filter(|case| !failing.contains(*case));
        Ok(passing.cloned().collect())
    }

    /// `cargo xtask qemu-test` shows it, of all cases at once.
    fn passes_unbroken(&mut self, _: &BTreeSet<&str>) -> Result<()> {
        Ok(())
    }
}

/// As much of a reason as shows whether it is the one that was meant.
fn beginning(why: &str) -> &str {
    let line = why.lines().next().unwrap_or_default();
    let end = line
        .char_indices()
        .nth(300)
        .map_or(line.len(), |(end, _)| end);
    &line[..end]
}

/// The cases that run for a break, by their suites.
fn by_suite(entry: &Break) -> BTreeMap<&str, Vec<&str>> {
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let cases = entry.cases.iter().chain(&entry.after);
    for (suite, case) in cases.filter_map(|case| case.split_once('/')) {
        suites.entry(suite).or_default().push(case);
    }
    suites
}

/// The suites that run tests which others wrote. Those test themselves; what we make of their results has one
/// break at least.
const TESTS_OF_OTHERS: [&str; 2] = ["selftests", "stress"];

/// The cases of all guests that run alone.
fn cases() -> Result<Cases> {
    let guest = root().join("tests/vm/guest/src");
    let mut found = Cases::default();
    for file in fs::read_dir(guest.join("cases"))? {
        let text = fs::read_to_string(file?.path())?;
        for (suite, case) in cases_in(&text).filter(|(suite, _)| Kind::of(suite).is_some()) {
            let name = format!("{suite}/{case}");
            if TESTS_OF_OTHERS.contains(&suite) {
                found.some_of_group.insert(name);
            } else {
                found.each.insert(name);
            }
        }
    }
    let text = fs::read_to_string(guest.join("leaks.rs"))?;
    found
        .each
        .insert(format!("faults/{}", leak_check_in(&text)?));
    Ok(found)
}

/// The case that ends every suite in the kernel that looks for mistakes.
fn leak_check_in(text: &str) -> Result<&str> {
    let name = text.split_once("const CASE: &str = \"");
    let name = name.and_then(|(_, rest)| rest.split_once('"'));
    Ok(name.context("the search for leaks has no name")?.0)
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
        let text = "/// x\npub(crate) const CASE: &str = \"none\";\n";
        assert_eq!(leak_check_in(text).unwrap(), "none");
    }
}
