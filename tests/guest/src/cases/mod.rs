// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cases, one file for each part of the file system.

mod abuse;
mod attributes;
mod boot;
mod containers;
mod debian;
mod fio;
mod handles;
mod mapping;
mod mounting;
mod names;
mod overlay;
mod reading;
mod running;
mod systemd;
mod targets;
mod writing;

use std::path::PathBuf;

use anyhow::{anyhow, Result};

use crate::init::MOUNT;

/// A case: what it is called, and what it does.
pub(crate) struct Case {
    /// The name, unique among all.
    pub(crate) name: &'static str,
    /// The suite that it belongs to.
    suite: &'static str,
    run: fn() -> Result<()>,
}

impl Case {
    const fn new(suite: &'static str, name: &'static str, run: fn() -> Result<()>) -> Self {
        Self { name, suite, run }
    }
}

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
    mounting::CASES,
    debian::CASES,
    boot::CASES,
    fio::CASES,
    containers::CASES,
    systemd::CASES,
];

/// The cases of a suite, in the order in which they run.
pub(crate) fn of_suite(suite: &str) -> impl Iterator<Item = &'static Case> + '_ {
    CASES
        .iter()
        .flat_map(|group| group.iter())
        .filter(move |case| case.suite == suite)
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
