// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases, one file for each part of the file system.

mod abuse;
mod attributes;
mod bar;
mod boot;
mod containers;
mod debian;
mod faults;
mod fio;
mod handles;
mod kernels;
mod lifetime;
mod mapping;
mod mounting;
mod mutants;
mod names;
mod operations;
mod overlay;
mod peer;
mod poison;
mod readers;
mod reading;
mod running;
mod selftests;
mod share;
mod stress;
mod systemd;
mod targets;
mod victim;
mod writing;

use std::path::PathBuf;

use anyhow::{anyhow, Result};

use crate::init::MOUNT;

/// A case: what it is called, and what it does.
pub(crate) struct Case {
    /// The name, unique among all.
    name: &'static str,
    /// The suite that it belongs to.
    suite: &'static str,
    run: fn() -> Result<()>,
    /// The policies for huge pages under which it runs.
    policies: &'static [&'static str],
    /// What the kernel prints because of it, and what would be trouble in any other case.
    announced: &'static [&'static str],
}

impl Case {
    const fn new(suite: &'static str, name: &'static str, run: fn() -> Result<()>) -> Self {
        Self {
            name,
            suite,
            run,
            policies: &[ALWAYS],
            announced: &[],
        }
    }

    /// Runs it under each policy for huge pages, once each.
    const fn under_every_policy(self) -> Self {
        Self {
            policies: &[ALWAYS, "madvise", "never"],
            ..self
        }
    }

    /// Makes these words of the kernel part of the case: it fails if the kernel does not print them.
    pub(super) const fn announcing(self, words: &'static [&'static str]) -> Self {
        Self {
            announced: words,
            ..self
        }
    }
}

/// The policy for huge pages under which cases run where nothing else is said.
const ALWAYS: &str = "always";

/// A case of the suite on the sample image.
const fn sample(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("sample", name, run)
}

/// A case of the suite on a Debian tree.
const fn debian(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("debian", name, run)
}

/// A case of the suite that runs from the image as root.
const fn boot(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("boot", name, run)
}

/// A case of the suite on an image in the memory BAR of a device.
const fn bar(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("bar", name, run)
}

/// A case of the suite on mutants.
const fn mutants(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("mutants", name, run)
}

/// A case of the suite in which allocations fail.
const fn faults(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("faults", name, run)
}

/// A case of each of two kernels that run from one image.
const fn kernels(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("kernels", name, run)
}

/// A case of a kernel that writes over the image of another one.
const fn peer(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("peer", name, run)
}

/// A case of the other one.
const fn victim(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("victim", name, run)
}

/// A case of each of two kernels whose memory is measured.
const fn share(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case::new("share", name, run)
}

const CASES: &[&[Case]] = &[
    names::CASES,
    attributes::CASES,
    reading::CASES,
    mapping::CASES,
    running::CASES,
    writing::CASES,
    handles::CASES,
    overlay::CASES,
    abuse::CASES,
    poison::CASES,
    lifetime::CASES,
    mounting::CASES,
    debian::CASES,
    boot::CASES,
    mutants::CASES,
    faults::CASES,
    fio::CASES,
    selftests::CASES,
    stress::CASES,
    readers::CASES,
    containers::CASES,
    systemd::CASES,
    bar::CASES,
    kernels::CASES,
    peer::CASES,
    victim::CASES,
    share::CASES,
];

/// One run of a case.
pub(crate) struct Run {
    case: &'static Case,
    /// The policy for huge pages that it runs under.
    pub(crate) policy: &'static str,
}

impl Run {
    /// The name, which tells the policy where it is not the usual one.
    pub(crate) fn name(&self) -> String {
        match self.policy {
            ALWAYS => self.case.name.to_owned(),
            policy => format!("{}@{policy}", self.case.name),
        }
    }

    /// The name of the case.
    pub(crate) fn case(&self) -> &'static str {
        self.case.name
    }

    /// What the kernel will print because of it.
    pub(crate) fn announced(&self) -> &'static [&'static str] {
        self.case.announced
    }
}

/// The runs of a suite, in their order.
pub(crate) fn of_suite(suite: &str) -> impl Iterator<Item = Run> + '_ {
    CASES
        .iter()
        .flat_map(|group| group.iter())
        .filter(move |case| case.suite == suite)
        .flat_map(|case| case.policies.iter().map(move |policy| Run { case, policy }))
}

/// Runs one case.
pub(crate) fn run(name: &str) -> Result<()> {
    let case = CASES
        .iter()
        .flat_map(|group| group.iter())
        .find(|case| case.name == name);
    (case.ok_or_else(|| anyhow!("no case is called {name}"))?.run)()
}

/// A path on the mount.
fn at(path: &str) -> PathBuf {
    PathBuf::from(MOUNT).join(path)
}
