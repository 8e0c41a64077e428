// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be broken: a list of breaks, and the cases that must notice them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::list::{self, Break, List};
use crate::workspace::root;

/// A list of breaks with what it takes to make them.
pub(super) struct Subject {
    /// What it is called on the command line, and its directory in the scratch directory.
    pub(super) name: &'static str,
    /// The list, from the root of the checkout.
    pub(super) list: &'static str,
    /// The directories and files that are built; all when none is named.
    pub(super) sources: &'static [&'static str],
    /// The cases there are.
    pub(super) cases: fn() -> Result<Cases>,
    /// Gets ready for runs on the copy in a directory.
    pub(super) runner: fn(&Path) -> Result<Box<dyn Runner>>,
}

/// The cases there are, as `group/case`.
#[derive(Default)]
pub(super) struct Cases {
    /// Each of these must be named by a break.
    pub(super) each: BTreeSet<String>,
    /// Of these one of each group at least.
    pub(super) some_of_group: BTreeSet<String>,
}

impl Cases {
    /// What is wrong with a choice of cases that fail, and of others that run.
    fn faults(&self, listed: &BTreeSet<&str>, after: &BTreeSet<&str>) -> Vec<String> {
        let known = |case: &str| self.each.contains(case) || self.some_of_group.contains(case);
        let missing = self
            .each
            .iter()
            .filter(|case| !listed.contains(case.as_str()));
        let missing = missing.map(|case| format!("no break is there for the case {case}"));
        let unknown = listed.union(after).filter(|case| !known(case));
        let unknown = unknown.map(|case| format!("there is no case {case}"));
        let groups: BTreeSet<&str> = self.some_of_group.iter().map(|case| group(case)).collect();
        let reached: BTreeSet<&str> = listed.iter().map(|case| group(case)).collect();
        let bare = groups.difference(&reached);
        let bare = bare.map(|group| format!("no break is there for any case of {group}"));
        missing.chain(unknown).chain(bare).collect()
    }
}

/// The group of a case.
fn group(case: &str) -> &str {
    case.split_once('/').map_or(case, |(group, _)| group)
}

/// What builds a broken copy and runs cases on it.
pub(super) trait Runner {
    /// Those of the cases of a break that do not fail. Fails when they cannot be run, because
    /// the copy does not build, for example.
    fn passing(&mut self, entry: &Break) -> Result<Vec<String>>;

    /// Looks whether the cases pass on a copy that is not broken: failures would prove nothing else.
    fn passes_unbroken(&mut self, cases: &BTreeSet<&str>) -> Result<()>;
}

impl Subject {
    /// Reads the list.
    pub(super) fn read(&self) -> Result<List> {
        let text = fs::read_to_string(root().join(self.list))
            .with_context(|| format!("cannot read {}", self.list))?;
        list::parse(&text).with_context(|| format!("in {}", self.list))
    }

    /// What is wrong with the list: changes that no longer fit the source, and cases without a break.
    pub(super) fn faults(&self, all: &[Break]) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for edit in all.iter().flat_map(|entry| &entry.edits) {
            let text = fs::read_to_string(root().join(&edit.file))
                .with_context(|| format!("cannot read {}", edit.file))?;
            faults.extend(edit.apply(&text).err().map(|error| error.to_string()));
        }
        let listed: BTreeSet<&str> = all
            .iter()
            .flat_map(|entry| &entry.cases)
            .map(String::as_str)
            .collect();
        let after = all
            .iter()
            .flat_map(|entry| &entry.after)
            .map(String::as_str);
        faults.extend((self.cases)()?.faults(&listed, &after.collect()));
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_without_a_break_is_named() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let cases = Cases {
            each: set(&["a/one", "a/two"]),
            some_of_group: set(&["b/one", "b/two", "c/one"]),
        };
        let faults = cases.faults(
            &["a/one", "b/two", "b/three"].into(),
            &["a/two", "d/one"].into(),
        );
        assert_eq!(
            faults,
            [
                "no break is there for the case a/two",
                "there is no case b/three",
                "there is no case d/one",
                "no break is there for any case of c",
            ]
        );
    }
}
