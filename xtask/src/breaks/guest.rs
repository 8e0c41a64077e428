// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breaks of the kernel module, which the guest cases must notice. A case fails also if the kernel is in
//! trouble while it runs.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use daxfs_vm_protocol::table::LEAK_CHECK;

use super::list::Break;
use super::subject::{Cases, Runner, Subject};
use crate::kernel::config::Configuration;
use crate::qemu::Trials;

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
            let (_, kernel) = Trials::suite(suite)?;
            let module = match modules.entry(kernel) {
                Entry::Occupied(module) => module.into_mut(),
                Entry::Vacant(place) => place.insert(self.module(kernel)?),
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

/// Returns the cases of all suites of one guest, and the case that ends suites on the sanitizer kernel.
fn cases() -> Result<Cases> {
    let mut found = Cases::default();
    for suite in Trials::suites() {
        let names = if TESTS_OF_OTHERS.contains(&suite.name) {
            &mut found.some_of_group
        } else {
            &mut found.each
        };
        let cases = suite.guests.iter().flat_map(|guest| guest.cases);
        names.extend(cases.map(|case| format!("{}/{}", suite.name, case.name)));
    }
    found.each.insert(format!("faults/{LEAK_CHECK}"));
    Ok(found)
}
