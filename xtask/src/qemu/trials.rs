// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases on modules other than the project's: those that `cargo xtask breaks` builds.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::artifacts::Artifacts;
use super::console::{self, Report};
use super::long;
use super::machine::{Machine, Processor};
use super::suite::{self, Prepared};
use crate::kernel::build::{self, Kernel};
use crate::kernel::config::Configuration;
use crate::kernel::kmod;

/// The suites of one guest.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// One of those that run always, or in one kernel always.
    Ordinary(&'static suite::Suite),
    /// One of those that run when all is asked for.
    Long(&'static long::Suite),
}

/// How long one guest may take, and how long it may say nothing: a broken module may hang it.
struct Limits {
    whole: Duration,
    silence: Duration,
}

const fn seconds(whole: u64, silence: u64) -> Limits {
    Limits {
        whole: Duration::from_secs(whole),
        silence: Duration::from_secs(silence),
    }
}

impl Kind {
    /// The suite with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let ordinary = suite::SUITES.iter().find(|suite| suite.name == name);
        let long = long::SUITES.iter().find(|suite| suite.name == name);
        ordinary.map(Self::Ordinary).or(long.map(Self::Long))
    }

    /// The kernel that its cases are tried on.
    pub(crate) fn kernel(self) -> Configuration {
        match self {
            Self::Ordinary(suite) => suite.kernel(),
            Self::Long(_) => Configuration::Plain,
        }
    }

    fn limits(self) -> Limits {
        match (self, self.kernel()) {
            (Self::Ordinary(_), Configuration::Plain) => seconds(300, 150),
            (Self::Ordinary(_), Configuration::San) => seconds(1800, 400),
            // One case is one program on three file systems.
            (Self::Long(_), _) => seconds(1800, 600),
        }
    }
}

/// What the trials of many modules share. Each thing is made when the first case needs it.
#[derive(Default)]
pub(crate) struct Trials {
    grounds: BTreeMap<Configuration, Ground>,
    ordinary: BTreeMap<&'static str, Prepared<'static>>,
    long: long::Trees,
}

/// What the trials on one kernel share.
struct Ground {
    artifacts: Artifacts,
    kernel: Kernel,
}

impl Ground {
    /// Builds what is not there.
    fn prepare(configuration: Configuration) -> Result<Self> {
        Ok(Self {
            artifacts: Artifacts::build(configuration)?,
            kernel: build::ensure(None, configuration)?,
        })
    }

    /// The ground of a kernel.
    fn of(all: &mut BTreeMap<Configuration, Self>, configuration: Configuration) -> Result<&Self> {
        Ok(match all.entry(configuration) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => place.insert(Self::prepare(configuration)?),
        })
    }
}

impl Trials {
    /// Builds a module for a kernel from a copy of its source.
    pub(crate) fn build(
        &mut self,
        configuration: Configuration,
        source: &Path,
        objects: &Path,
    ) -> Result<PathBuf> {
        let ground = Ground::of(&mut self.grounds, configuration)?;
        kmod::build_copy(&ground.kernel, source, objects)
    }

    /// Runs some cases of a suite on a module; returns those that fail, and why. When the kernel gets into
    /// trouble, the case that ran then has failed, and the rest runs in another guest.
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
                break;
            }
        }
        Ok(failed)
    }

    fn run(&mut self, name: &str, cases: &[&str], module: &Path) -> Result<Report> {
        let kind = Kind::of(name).with_context(|| format!("no suite is called {name}"))?;
        let ground = Ground::of(&mut self.grounds, kind.kernel())?;
        let artifacts = Artifacts {
            module: module.to_owned(),
            ..ground.artifacts.clone()
        };
        let arguments = [
            format!("suite={name}"),
            format!("cases={}", cases.join(",")),
        ];
        let watch = |mut command: Command| {
            let limits = kind.limits();
            console::watch(&mut command, limits.whole, limits.silence)
        };
        match kind {
            Kind::Ordinary(suite) => {
                // Memory that it shares lives as long as the machine.
                let machine = self.machine(suite, &artifacts)?;
                watch(machine.command(&arguments)?)
            }
            Kind::Long(suite) => {
                let files = self.long.files(suite, &artifacts)?;
                watch(suite.command(files, &artifacts, Processor::Emulated, &arguments)?)
            }
        }
    }

    /// The guest of a suite.
    fn machine(&mut self, suite: &'static suite::Suite, artifacts: &Artifacts) -> Result<Machine> {
        let prepared = match self.ordinary.entry(suite.name) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(place) => place.insert(suite.prepare(artifacts)?),
        };
        prepared.replace_module(artifacts)?;
        prepared.machine(artifacts, Processor::Emulated)
    }
}
