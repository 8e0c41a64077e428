// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases on modules other than the project's: those that `cargo xtask breaks` builds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::artifacts::Artifacts;
use super::console::{self, Report};
use super::machine::Processor;
use super::suite::{Prepared, SUITES};
use crate::kernel::build::{self, Kernel};
use crate::kernel::config::Configuration;
use crate::kernel::kmod;

/// How long one guest may take, and how long it may say nothing: a broken module may hang it.
const LIMIT: Duration = Duration::from_secs(300);
const SILENCE: Duration = Duration::from_secs(150);

/// What the trials of many modules share.
pub(crate) struct Trials {
    artifacts: Artifacts,
    kernel: Kernel,
    prepared: BTreeMap<&'static str, Prepared<'static>>,
}

impl Trials {
    /// Builds what is not there.
    pub(crate) fn prepare() -> Result<Self> {
        Ok(Self {
            artifacts: Artifacts::build(Configuration::Plain)?,
            kernel: build::ensure(None, Configuration::Plain)?,
            prepared: BTreeMap::new(),
        })
    }

    /// Builds a module from a copy of its source.
    pub(crate) fn build(&self, source: &Path, objects: &Path) -> Result<PathBuf> {
        kmod::build_copy(&self.kernel, source, objects)
    }

    /// Runs some cases of a suite on a module; returns those that fail. When the kernel gets into
    /// trouble, the case that ran then has failed, and the rest runs in another guest.
    pub(crate) fn failing(
        &mut self,
        suite: &str,
        cases: &[&str],
        module: &Path,
    ) -> Result<BTreeSet<String>> {
        let (mut left, mut failed) = (cases.to_vec(), BTreeSet::new());
        while !left.is_empty() {
            let report = self.run(suite, &left, module)?;
            let done = report.cases.iter().map(|case| case.name.as_str());
            let done: BTreeSet<&str> = done.chain(report.troubled.as_deref()).collect();
            let bad = report.cases.iter().filter(|case| case.failure.is_some());
            failed.extend(
                bad.map(|case| case.name.clone())
                    .chain(report.troubled.clone()),
            );
            left.retain(|case| !done.contains(case));
            ensure!(
                !done.is_empty(),
                "no case ran: {}; the console:\n{}",
                report.trouble.as_deref().unwrap_or("no trouble"),
                report.console
            );
            if report.trouble.is_none() {
                break;
            }
        }
        Ok(failed)
    }

    fn run(&mut self, name: &str, cases: &[&str], module: &Path) -> Result<Report> {
        let suite = SUITES.iter().find(|suite| suite.name == name);
        let suite = suite.with_context(|| format!("no suite is called {name}"))?;
        let artifacts = Artifacts {
            module: module.to_owned(),
            ..self.artifacts.clone()
        };
        if !self.prepared.contains_key(suite.name) {
            let prepared = suite.prepare(&self.artifacts)?;
            self.prepared.insert(suite.name, prepared);
        }
        let prepared = self.prepared.get_mut(suite.name).context("not prepared")?;
        prepared.replace_module(&artifacts)?;
        let machine = prepared.machine(&artifacts, Processor::Emulated)?;
        let arguments = [
            format!("suite={name}"),
            format!("cases={}", cases.join(",")),
        ];
        console::watch(&mut machine.command(&arguments)?, LIMIT, SILENCE)
    }
}
