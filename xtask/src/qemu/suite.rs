// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask qemu-test`: the suites that run in guests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, Result};

use super::artifacts::{self, Artifacts};
use super::console::{self, Report};
use super::long::{self, table};
use super::machine::{Machine, Placed, Processor};
use super::pair::{Pair, PAIRS};
use super::shared::SharedMemory;
use super::{image, initramfs};
use crate::kernel::config::Configuration;

/// How long one guest may take, and how long it may say nothing.
const fn limits(configuration: Configuration) -> (Duration, Duration) {
    match configuration {
        Configuration::Plain => (Duration::from_secs(600), Duration::from_secs(150)),
        Configuration::San => (Duration::from_secs(4 * 3600), Duration::from_secs(600)),
    }
}

/// How long suites of two guests go on that have no end of their own.
const LENGTH: Duration = Duration::from_secs(45);

/// And how long in a full run.
const FULL_LENGTH: Duration = Duration::from_secs(600);

/// Options of `cargo xtask qemu-test`.
#[derive(Debug, clap::Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Args {
    /// Run only the cases whose `suite/name` contains this
    filter: Option<String>,
    /// Use the kernel that looks for mistakes (see `cargo xtask kernel --san`)
    #[arg(long, conflicts_with = "full")]
    san: bool,
    /// Use the host's KVM instead of emulation
    #[arg(long)]
    kvm: bool,
    /// Run the suites that take longer than `cargo xtask test` has, too
    #[arg(long)]
    full: bool,
    /// How long the suite with a hostile peer goes on, in minutes
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// How many mutants the suite `mutants` mounts [default: 300]
    #[arg(long, value_name = "N")]
    mutants: Option<u64>,
    /// The seed of random suites
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the whole console of each guest
    #[arg(long, short)]
    verbose: bool,
}

/// Makes a file that a guest needs.
type Make = fn(&Artifacts) -> Result<PathBuf>;

/// A suite: one guest, with one image.
pub(crate) struct Suite {
    pub(super) name: &'static str,
    image: Make,
    place: Place,
    /// A file for the initramfs.
    extra: Option<Make>,
    /// The length of a BAR besides, in which the guest makes images itself, in bytes.
    workbench: Option<u64>,
    kernels: Kernels,
}

/// On which kernels a suite can run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kernels {
    All,
    /// It needs what only the kernel has that looks for mistakes.
    San,
}

/// Where a suite's image lies.
#[derive(Clone, Copy)]
enum Place {
    /// In reserved memory.
    Reserved,
    /// In the memory BAR of a PCI device.
    Bar,
}

impl Place {
    fn put(self, image: PathBuf) -> Result<Placed> {
        Ok(match self {
            Self::Reserved => Placed::Reserved(image),
            Self::Bar => Placed::Shared(SharedMemory::holding(&image)?),
        })
    }
}

pub(super) const SUITES: &[Suite] = &[
    Suite {
        name: "sample",
        image: image::sample,
        place: Place::Reserved,
        extra: None,
        workbench: None,
        kernels: Kernels::All,
    },
    Suite {
        name: "debian",
        image: image::debian,
        place: Place::Reserved,
        extra: Some(image::debian_manifest),
        workbench: None,
        kernels: Kernels::All,
    },
    Suite {
        name: "boot",
        image: image::debian,
        place: Place::Reserved,
        extra: None,
        workbench: None,
        kernels: Kernels::All,
    },
    Suite {
        name: "bar",
        image: image::sample,
        place: Place::Bar,
        extra: Some(artifacts::inspect),
        workbench: None,
        kernels: Kernels::All,
    },
    Suite {
        name: "mutants",
        image: image::sample,
        place: Place::Reserved,
        extra: None,
        workbench: Some(2 << 20),
        kernels: Kernels::All,
    },
    Suite {
        name: "faults",
        image: image::sample,
        place: Place::Reserved,
        extra: None,
        workbench: None,
        kernels: Kernels::San,
    },
];

impl Suite {
    /// The plainest kernel that it can run on.
    pub(super) fn kernel(&self) -> Configuration {
        match self.kernels {
            Kernels::All => Configuration::Plain,
            Kernels::San => Configuration::San,
        }
    }

    /// Whether it can run on this kernel.
    fn runs_on(&self, configuration: Configuration) -> bool {
        self.kernels == Kernels::All || configuration == Configuration::San
    }

    /// The BAR in which the guest makes images.
    fn workbench(&self) -> Result<Vec<Arc<SharedMemory>>> {
        let memory = self.workbench.map(SharedMemory::blank);
        memory.into_iter().collect()
    }

    /// Makes the files that the guest needs.
    pub(super) fn prepare(&self, artifacts: &Artifacts) -> Result<Prepared<'_>> {
        let extra = self.extra.map(|make| make(artifacts)).transpose()?;
        Ok(Prepared {
            suite: self,
            image: (self.image)(artifacts)?,
            initramfs: initramfs::make(self.name, artifacts, extra.as_deref())?,
            extra,
        })
    }
}

/// A suite with the files of its guest.
pub(super) struct Prepared<'a> {
    suite: &'a Suite,
    image: PathBuf,
    extra: Option<PathBuf>,
    initramfs: PathBuf,
}

impl Prepared<'_> {
    /// Puts another module into the guest.
    pub(super) fn replace_module(&mut self, artifacts: &Artifacts) -> Result<()> {
        let name = format!("{}-trial", self.suite.name);
        self.initramfs = initramfs::make(&name, artifacts, self.extra.as_deref())?;
        Ok(())
    }

    pub(super) fn machine(&self, artifacts: &Artifacts, processor: Processor) -> Result<Machine> {
        let image = self.suite.place.put(self.image.clone())?;
        Ok(Machine {
            shared: self.suite.workbench()?,
            ..Machine::new(artifacts, self.initramfs.clone(), image, processor)
        })
    }
}

/// What the lines of a finished run begin with that name what failed.
pub(crate) const FAILED: &str = "failed: ";

/// How many guests run side by side.
const GUESTS: usize = 2;

impl Args {
    /// Runs the suites and prints the counts.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let artifacts = Artifacts::build(Configuration::from_flag(self.san))?;
        let suites = SUITES
            .iter()
            .filter(|suite| suite.runs_on(artifacts.configuration))
            .filter(|suite| self.wants(suite.name));
        // Suites may share files: all are made before the first guest starts.
        let suites = suites
            .map(|suite| suite.prepare(&artifacts))
            .collect::<Result<Vec<_>>>()?;
        let counts = Mutex::new(Counts::default());
        side_by_side(&suites, |prepared| {
            let start = Instant::now();
            let report = self.run_suite(prepared, &artifacts)?;
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            self.print(prepared.suite.name, &report, &mut counts);
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{}: {seconds:.0} s", prepared.suite.name);
            Ok(())
        })?;
        let mut counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.full {
            self.run_long(&artifacts, &mut counts)?;
        }
        let filter = self.filter.as_deref();
        for pair in PAIRS.iter().filter(|pair| pair.is_wanted(filter)) {
            let start = Instant::now();
            self.run_pair(pair, &artifacts, &mut counts)?;
            eprintln!("{}: {:.0} s", pair.name, start.elapsed().as_secs_f64());
        }
        if counts.passed == 0 && counts.failures.is_empty() {
            counts.fail("nothing ran", "no case matches");
        }
        Ok(counts.finish())
    }

    fn run_long(&self, artifacts: &Artifacts, counts: &mut Counts) -> Result<()> {
        let processor = Processor::from_flag(self.kvm);
        let mut trees = long::Trees::default();
        for suite in long::SUITES.iter().filter(|suite| self.wants(suite.name)) {
            let start = Instant::now();
            let files = trees.files(suite, artifacts)?;
            let report = suite.run(files, artifacts, self.filter.as_deref(), processor)?;
            self.print(suite.name, &report, counts);
            table::print(&report.notes);
            eprintln!("{}: {:.0} s", suite.name, start.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Whether the filter may match a case of the suite.
    fn wants(&self, suite: &str) -> bool {
        let Some(filter) = self.filter.as_deref() else {
            return true;
        };
        match filter.split_once('/') {
            Some((wanted, _)) => suite.contains(wanted),
            None => suite == filter || !self.names_a_suite(),
        }
    }

    /// Whether the filter is the name of a suite.
    fn names_a_suite(&self) -> bool {
        let long = long::SUITES.iter().map(|suite| suite.name);
        let pairs = PAIRS.iter().map(|pair| pair.name);
        let ordinary = SUITES.iter().map(|suite| suite.name);
        let mut names = ordinary.chain(long).chain(pairs);
        names.any(|name| self.filter.as_deref() == Some(name))
    }

    fn run_suite(&self, prepared: &Prepared<'_>, artifacts: &Artifacts) -> Result<Report> {
        let machine = prepared.machine(artifacts, Processor::from_flag(self.kvm))?;
        let mut arguments = vec![
            format!("suite={}", prepared.suite.name),
            format!("seed={}", self.seed),
        ];
        arguments.extend(self.mutants.map(|count| format!("mutants={count}")));
        if let Some(filter) = &self.filter {
            arguments.push(format!("filter={filter}"));
        }
        let (limit, silence) = limits(artifacts.configuration);
        console::watch(&mut machine.command(&arguments)?, limit, silence)
    }

    /// Runs a suite of two guests and prints what came of it.
    fn run_pair(&self, pair: &Pair, artifacts: &Artifacts, counts: &mut Counts) -> Result<()> {
        let length = match self.minutes {
            Some(minutes) => Duration::from_secs(minutes * 60),
            None if self.full => FULL_LENGTH,
            None => LENGTH,
        };
        let outcome = pair.run(artifacts, length, self.seed)?;
        for (number, report) in outcome.reports.iter().enumerate() {
            self.print(&format!("{}/{number}", pair.name), report, counts);
        }
        match pair.judge(&outcome.samples) {
            None => {}
            Some(Ok(notes)) => {
                println!("ok               {}/memory", pair.name);
                for note in notes {
                    println!("                 {}/memory: {note}", pair.name);
                }
                counts.passed += 1;
            }
            Some(Err(why)) => {
                println!("FAILED           {}/memory: {why:#}", pair.name);
                counts.fail(&format!("{}/memory", pair.name), &format!("{why:#}"));
            }
        }
        Ok(())
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
                    counts.fail(&format!("{suite}/{}", case.name), why);
                }
            }
        }
        for note in report.notes.iter().filter(|note| !table::is_cell(note)) {
            println!("                 {suite}/{note}");
        }
        if let Some(trouble) = &report.trouble {
            println!("FAILED           {suite}: {trouble}");
            counts.fail(suite, trouble);
        }
        let excerpts = report.excerpts();
        if self.verbose {
            println!("---- console of {suite}\n{}----", report.console);
        } else if !excerpts.is_empty() {
            println!("---- console of {suite}, in part; -v shows it whole\n{excerpts}----");
        }
    }
}

/// Does `work` with each of `items`, with [`GUESTS`] at a time, until one fails.
fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..GUESTS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
        })
    })
}

/// What came of the cases.
#[derive(Default)]
struct Counts {
    passed: u32,
    /// What failed, and why.
    failures: Vec<String>,
}

impl Counts {
    fn fail(&mut self, name: &str, why: &str) {
        self.failures.push(format!("{name}: {why}"));
    }

    /// Says once more what failed, and how many of each there were: who sees the end of a long run
    /// has seen what matters.
    fn finish(self) -> ExitCode {
        for failure in &self.failures {
            println!("{FAILED}{failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failures.len());
        if self.failures.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_once_and_a_failure_is_told() {
        let seen = Mutex::new(Vec::new());
        side_by_side(&[1, 2, 3, 4, 5], |item| {
            seen.lock().unwrap().push(*item);
            Ok(())
        })
        .unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        let failed = side_by_side(&[1, 2], |item| {
            anyhow::ensure!(*item == 1, "not {item}");
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "not 2");
    }
}
