// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases on modules other than the project's: those that `cargo xtask module-patches run`
//! builds.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::suite::{Scope, Suite};
use daxfs_vm_protocol::table::SUITES;
use daxfs_vm_protocol::{Arguments, Selection};

use super::artifacts::{configuration_of, Artifacts};
use super::files::Files;
use super::machine::Processor;
use super::report::Report;
use super::session::Session;
use crate::kernel::build::{self, Kernel};
use crate::kernel::config::Configuration;
use crate::kernel::kmod;

/// The trials of many modules. Their files are made when the first case needs them.
#[derive(Default)]
pub(crate) struct Trials {
    grounds: BTreeMap<Configuration, Ground>,
}

/// The files that all trials on one kernel share.
struct Ground {
    files: Files,
    kernel: Kernel,
}

impl Trials {
    /// Returns the suites whose cases can be tried: those of one guest.
    pub(crate) fn suites() -> impl Iterator<Item = &'static Suite> {
        let tests = SUITES.iter().filter(|suite| suite.scope != Scope::Bench);
        tests.filter(|suite| !suite.is_joint())
    }

    /// Returns the suite with a name, and the kernel that its cases are tried on.
    pub(crate) fn suite(name: &str) -> Result<(&'static Suite, Configuration)> {
        let suite = Self::suites().find(|suite| suite.name == name);
        let suite = suite.with_context(|| format!("no suite is called {name}"))?;
        Ok((suite, configuration_of(suite.fastest_kernel())))
    }

    /// Builds a module for a kernel from a copy of its source.
    pub(crate) fn build(
        &mut self,
        configuration: Configuration,
        source: &Path,
        objects: &Path,
    ) -> Result<PathBuf> {
        let ground = self.ground(configuration)?;
        kmod::build_copy(&ground.kernel, source, objects)
    }

    /// Runs some cases of a suite on a module; returns those that fail, with their reasons. A sign
    /// of trouble fails the case that runs then, and the rest runs in another guest.
    pub(crate) fn failing(
        &mut self,
        suite: &str,
        cases: &[&str],
        module: &Path,
    ) -> Result<BTreeMap<String, String>> {
        let (mut left, mut failed) = (cases.to_vec(), BTreeMap::new());
        while !left.is_empty() {
            let report = self.run(suite, &left, module)?;
            let done = report.cases.iter().map(|case| case.name.as_str());
            let done: BTreeSet<&str> = done.chain(report.troubled.as_deref()).collect();
            let bad = report.cases.iter();
            failed.extend(bad.filter_map(|case| Some((case.name.clone(), case.failure.clone()?))));
            failed.extend(report.troubled.clone().zip(report.trouble.clone()));
            left.retain(|case| !done.contains(case));
            ensure!(
                !done.is_empty(),
                "no case ran: {}; the console:\n{}",
                report.trouble.as_deref().unwrap_or("no trouble"),
                report.console
            );
            if report.trouble.is_none() {
                ensure!(left.is_empty(), "these cases did not run: {left:?}");
            }
        }
        Ok(failed)
    }

    fn run(&mut self, name: &str, cases: &[&str], module: &Path) -> Result<Report> {
        let (suite, configuration) = Self::suite(name)?;
        let ground = self.ground(configuration)?;
        let files = ground.files.of_suite(suite, module)?;
        let artifacts = &ground.files.artifacts;
        let mut session = Session::new(suite, &files, artifacts, Processor::Emulated)?;
        session.limits = suite.times.trial;
        let cases = cases.iter().map(|&case| case.to_owned()).collect();
        let arguments = Arguments::for_suite(name, Selection::Cases(cases));
        let report = session.run(&arguments)?.reports.pop();
        report.context("a suite without a guest")
    }

    /// Builds the files that all trials on a kernel share.
    fn ground(&mut self, configuration: Configuration) -> Result<&mut Ground> {
        Ok(match self.grounds.entry(configuration) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(entry) => entry.insert(Ground {
                files: Files::new(Artifacts::build(configuration)?),
                kernel: build::ensure(None, configuration)?,
            }),
        })
    }
}
