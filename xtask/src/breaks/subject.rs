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
    /// All cases there are, as `group/case`; each must be named by a break.
    pub(super) cases: fn() -> Result<BTreeSet<String>>,
    /// Gets ready for runs on the copy in a directory.
    pub(super) runner: fn(&Path) -> Result<Box<dyn Runner>>,
}

/// What builds a broken copy and runs cases on it.
pub(super) trait Runner {
    /// Those of the cases of a break that do not fail. Fails when they cannot be run, because
    /// the copy does not build, for example.
    fn passing(&mut self, cases: &[&str]) -> Result<Vec<String>>;

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
        let cases = (self.cases)()?;
        let cases: BTreeSet<&str> = cases.iter().map(String::as_str).collect();
        let missing = cases.difference(&listed);
        faults.extend(missing.map(|case| format!("no break is there for the case {case}")));
        let unknown = listed.difference(&cases);
        faults.extend(unknown.map(|case| format!("there is no case {case}")));
        Ok(faults)
    }
}
