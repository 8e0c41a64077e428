// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask qemu-test`: the suites that run in guests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::artifacts::Artifacts;
use super::console::{self, Report};
use super::long::{self, table};
use super::machine::{Machine, Processor};
use super::{image, initramfs};

/// How long one guest may take.
const LIMIT: Duration = Duration::from_secs(600);

/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(150);

/// Options of `cargo xtask qemu-test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only the cases whose `suite/name` contains this
    filter: Option<String>,
    /// Use the host's KVM instead of emulation
    #[arg(long)]
    kvm: bool,
    /// Run the suites that take longer than `cargo xtask test` has, too
    #[arg(long)]
    full: bool,
    /// Print the whole console of each guest
    #[arg(long, short)]
    verbose: bool,
}

/// Makes a file that a guest needs.
type Make = fn(&Artifacts) -> Result<PathBuf>;

/// A suite: one guest, with one image.
struct Suite {
    name: &'static str,
    image: Make,
    /// A file for the initramfs.
    extra: Option<Make>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "sample",
        image: image::sample,
        extra: None,
    },
    Suite {
        name: "debian",
        image: image::debian,
        extra: Some(image::debian_manifest),
    },
    Suite {
        name: "boot",
        image: image::debian,
        extra: None,
    },
];

impl Args {
    /// Runs the suites and prints the counts.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let artifacts = Artifacts::build()?;
        let mut counts = Counts::default();
        for suite in SUITES.iter().filter(|suite| self.wants(suite.name)) {
            let start = Instant::now();
            let report = self.run_suite(suite, &artifacts)?;
            self.print(suite.name, &report, &mut counts);
            eprintln!("{}: {:.0} s", suite.name, start.elapsed().as_secs_f64());
        }
        if self.full {
            self.run_long(&artifacts, &mut counts)?;
        }
        if counts.passed + counts.failed == 0 {
            println!("no case matches");
            counts.failed = 1;
        }
        println!("{} passed, {} failed", counts.passed, counts.failed);
        Ok(if counts.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn run_long(&self, artifacts: &Artifacts, counts: &mut Counts) -> Result<()> {
        let processor = Processor::from_flag(self.kvm);
        for suite in long::SUITES.iter().filter(|suite| self.wants(suite.name)) {
            let start = Instant::now();
            let report = suite.run(artifacts, self.filter.as_deref(), processor)?;
            self.print(suite.name, &report, counts);
            table::print(&report.notes);
            eprintln!("{}: {:.0} s", suite.name, start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Whether the filter may match a case of the suite.
    fn wants(&self, suite: &str) -> bool {
        match self
            .filter
            .as_deref()
            .and_then(|filter| filter.split_once('/'))
        {
            Some((wanted, _)) => suite.contains(wanted),
            None => true,
        }
    }

    fn run_suite(&self, suite: &Suite, artifacts: &Artifacts) -> Result<Report> {
        let extra = suite.extra.map(|make| make(artifacts)).transpose()?;
        let machine = Machine {
            kernel: artifacts.kernel.clone(),
            initramfs: initramfs::make(suite.name, artifacts, extra.as_deref())?,
            image: (suite.image)(artifacts)?,
            peers: Vec::new(),
            processor: Processor::from_flag(self.kvm),
        };
        let mut arguments = vec![format!("suite={}", suite.name)];
        if let Some(filter) = &self.filter {
            arguments.push(format!("filter={filter}"));
        }
        console::watch(&mut machine.command(&arguments)?, LIMIT, SILENCE)
    }

    fn print(&self, suite: &str, report: &Report, counts: &mut Counts) {
        for case in &report.cases {
            let seconds = case.duration.as_secs_f64();
            match &case.failure {
                None => {
                    println!("ok     {seconds:6.1} s  {suite}/{}", case.name);
                    counts.passed += 1;
                }
                Some(why) => {
                    println!("FAILED {seconds:6.1} s  {suite}/{}: {why}", case.name);
                    counts.failed += 1;
                }
            }
        }
        for note in report.notes.iter().filter(|note| !table::is_cell(note)) {
            println!("                 {suite}/{note}");
        }
        if let Some(trouble) = &report.trouble {
            println!("FAILED           {suite}: {trouble}");
            counts.failed += 1;
        }
        let failed =
            report.trouble.is_some() || report.cases.iter().any(|case| case.failure.is_some());
        if failed || self.verbose {
            println!("---- console of {suite}\n{}----", report.console);
        }
    }
}

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
}
