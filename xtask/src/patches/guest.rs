// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest cases, and runs of them on a patched module. A case fails also if the kernel is in
//! trouble while it runs.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use daxfs_vm_protocol::table::LEAK_CHECK;

use super::list::Patch;
use crate::kernel::config::Configuration;
use crate::qemu::Trials;

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
            let (_, kernel) = Trials::suite(suite)?;
            let module = match modules.entry(kernel) {
                Entry::Occupied(module) => module.into_mut(),
                Entry::Vacant(missing) => missing.insert(self.module(kernel)?),
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

/// Returns the names of all cases that can be tried, as `suite/case`: those of suites of one guest, and
/// the case that ends each suite on the sanitizer kernel.
pub(super) fn cases() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = Trials::suites()
        .flat_map(|suite| suite.guests.iter().map(move |guest| (suite, guest)))
        .flat_map(|(suite, guest)| guest.cases.iter().map(move |case| (suite.name, case.name)))
        .map(|(suite, case)| format!("{suite}/{case}"))
        .collect();
    names.insert(format!("faults/{LEAK_CHECK}"));
    names
}
