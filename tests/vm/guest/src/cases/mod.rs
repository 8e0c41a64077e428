// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases: a file or a directory for each part of the file system.

mod abuse;
mod attributes;
mod bar;
mod boot;
mod containers;
mod debian;
mod extents;
mod faults;
mod fio;
mod handles;
mod kernels;
mod lifetime;
mod mapping;
mod mounting;
mod mutants;
mod names;
mod overlay;
mod peer;
mod poison;
mod readers;
mod reading;
mod requests;
mod running;
mod selftests;
mod share;
mod stress;
mod subsystems;
mod systemd;
mod victim;
mod writing;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::image::MOUNT;

/// A case: its name in the protocol's table, and its function.
pub(crate) type Case = (&'static str, fn() -> Result<()>);

/// The cases by their files. Order, suites and everything else about a case are in the table of
/// `daxfs-vm-protocol`.
const CASES: &[&[Case]] = &[
    abuse::CASES,
    attributes::CASES,
    bar::CASES,
    boot::CASES,
    containers::CASES,
    debian::CASES,
    extents::CASES,
    faults::CASES,
    fio::CASES,
    handles::CASES,
    kernels::CASES,
    lifetime::CASES,
    mapping::CASES,
    mounting::CASES,
    mutants::CASES,
    names::CASES,
    overlay::CASES,
    peer::CASES,
    poison::CASES,
    readers::CASES,
    reading::CASES,
    requests::CASES,
    running::CASES,
    selftests::CASES,
    share::CASES,
    stress::CASES,
    subsystems::CASES,
    systemd::CASES,
    victim::CASES,
    writing::CASES,
    crate::bench::CASES,
];

fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}

/// Runs one case.
pub(crate) fn run(name: &str) -> Result<()> {
    let case = all().find(|(known, _)| *known == name);
    let (_, run) = case.with_context(|| format!("no case is called {name}"))?;
    run()
}

/// Returns a path on the mount.
fn at(path: &str) -> PathBuf {
    PathBuf::from(MOUNT).join(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use daxfs_vm_protocol::table::names_of_cases;

    #[test]
    fn table_and_functions_have_the_same_names() {
        let mut functions = BTreeSet::new();
        for (name, _) in super::all() {
            assert!(functions.insert(*name), "{name} has two functions");
        }
        let table = names_of_cases();
        let missing: Vec<_> = table.difference(&functions).collect();
        assert!(missing.is_empty(), "without a function: {missing:?}");
        let unlisted: Vec<_> = functions.difference(&table).collect();
        assert!(unlisted.is_empty(), "not in the table: {unlisted:?}");
    }
}
