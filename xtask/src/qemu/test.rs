// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask qemu-test`: the suites that run in guests.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, Result};
use daxfs_vm_protocol::suite::{Kernel, Root, Scope};
use daxfs_vm_protocol::table::{LEAK_CHECK, SUITES};
use daxfs_vm_protocol::{Arguments, Cell, Selection, Setting, Suite};

use super::artifacts::{kernel_of, Artifacts};
use super::files::{Files, GuestFiles};
use super::machine::Processor;
use super::report::Report;
use super::session::{Outcome, Session};
use super::{judges, table};
use crate::kernel::config::Configuration;

/// The length of suites of two guests that have no end of their own.
const LENGTH: Duration = Duration::from_secs(45);

/// The same in a full run.
const FULL_LENGTH: Duration = Duration::from_secs(600);

/// Options of `cargo xtask qemu-test`.
#[derive(Debug, clap::Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Args {
    /// Run only the cases whose `suite/case` contains this
    filter: Option<String>,
    /// Use the sanitizer kernel (see `cargo xtask kernel --san`)
    #[arg(long, conflicts_with = "full")]
    san: bool,
    /// Use the host's KVM instead of emulation
    #[arg(long)]
    kvm: bool,
    /// Run also the suites that `cargo xtask test` leaves out because they take long
    #[arg(long)]
    full: bool,
    /// The length of the suite `hostile-peer` in minutes
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// The number of mutants that the suite `mutants` mounts [default: 300]
    #[arg(long, value_name = "N")]
    mutants: Option<u64>,
    /// The seed of random suites
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the whole console of each guest
    #[arg(long, short)]
    verbose: bool,
}

/// The beginning of the lines at the end of a run that name a failure.
pub(crate) const FAILED: &str = "failed: ";

/// The number of small suites that run at the same time.
const SIDE_BY_SIDE: usize = 2;

impl Args {
    /// Runs the suites and prints the counts.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let suites = self.suites();
        let counts = Mutex::new(Counts::default());
        if suites.is_empty() {
            locked(&counts).fail("nothing ran", "no case matches");
            return Ok(locked(&counts).finish());
        }
        let mut files = Files::new(Artifacts::build(Configuration::from_flag(self.san))?);
        let (small, large): (Vec<_>, Vec<_>) =
            suites.into_iter().partition(|suite| is_small(suite));
        // Suites share files, so all are made before the first guest starts.
        let module = files.artifacts.module.clone();
        let small = small
            .into_iter()
            .map(|suite| Ok((suite, files.of_suite(suite, &module)?)));
        let small = small.collect::<Result<Vec<_>>>()?;
        side_by_side(&small, |(suite, made)| {
            self.run_suite(suite, made, &files.artifacts, &counts)
        })?;
        for suite in large {
            let made = files.of_suite(suite, &module)?;
            self.run_suite(suite, &made, &files.artifacts, &counts)?;
        }
        let code = locked(&counts).finish();
        Ok(code)
    }

    fn kernel(&self) -> Kernel {
        kernel_of(Configuration::from_flag(self.san))
    }

    fn selection(&self) -> Selection {
        Selection::from_filter(self.filter.as_deref())
    }

    /// Returns the suites of this run with a selected case.
    fn suites(&self) -> Vec<&'static Suite> {
        let included = |suite: &&Suite| match suite.scope {
            Scope::Always => suite.runs_on(self.kernel()),
            Scope::Full => self.full,
            Scope::Bench => false,
        };
        let selection = self.selection();
        let suites = SUITES.iter().filter(included);
        suites.filter(|suite| selection.selects(suite)).collect()
    }

    fn run_suite(
        &self,
        suite: &'static Suite,
        files: &[GuestFiles],
        artifacts: &Artifacts,
        counts: &Mutex<Counts>,
    ) -> Result<()> {
        let start = Instant::now();
        let processor = Processor::from_flag(self.kvm);
        let mut session = Session::new(suite, files, artifacts, processor)?;
        if suite.is_joint() {
            session.limits = session.limits.and(self.length());
        }
        let mut outcome = session.run(&self.arguments(suite))?;
        for (number, report) in outcome.reports.iter_mut().enumerate() {
            report.expect(&self.expected(suite, number));
        }
        self.print(suite, &outcome, &mut locked(counts));
        eprintln!("{}: {:.0} s", suite.name, start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Returns the length of suites of two guests that have no end of their own.
    fn length(&self) -> Duration {
        match self.minutes {
            Some(minutes) => Duration::from_secs(minutes * 60),
            None if self.full => FULL_LENGTH,
            None => LENGTH,
        }
    }

    fn arguments(&self, suite: &Suite) -> Arguments {
        let mut arguments = Arguments::for_suite(suite.name, self.selection());
        arguments.set(Setting::Seed, &self.seed);
        arguments.set(Setting::Seconds, &self.length().as_secs());
        if let Some(count) = self.mutants {
            arguments.set(Setting::Mutants, &count);
        }
        arguments
    }

    /// Returns the cases that a guest must report.
    fn expected(&self, suite: &Suite, guest: usize) -> Vec<String> {
        let mut names = self.selection().runs_of(suite, guest);
        let is_systemd = suite.guests.iter().any(|guest| guest.root == Root::Systemd);
        if self.kernel() == Kernel::San && !is_systemd {
            names.push(LEAK_CHECK.to_owned());
        }
        names
    }

    /// Prints the verdicts of a suite and counts them.
    fn print(&self, suite: &Suite, outcome: &Outcome, counts: &mut Counts) {
        for (number, report) in outcome.reports.iter().enumerate() {
            self.print_report(&suite.guest_name(number), report, counts);
            table::print(&report.notes);
        }
        for case in suite.host_cases {
            let name = format!("{}/{case}", suite.name);
            match host_verdict(suite, case, outcome) {
                Ok(notes) => {
                    println!("ok               {name}");
                    for note in notes {
                        println!("                 {name}: {note}");
                    }
                    counts.passed += 1;
                }
                Err(why) => counts.fail_loudly(&name, &format!("{why:#}")),
            }
        }
        if let (true, Err(why)) = (suite.host_cases.is_empty(), &outcome.samples) {
            counts.fail_loudly(suite.name, &format!("{why:#}"));
        }
    }

    fn print_report(&self, name: &str, report: &Report, counts: &mut Counts) {
        for case in &report.cases {
            let seconds = case.duration.as_secs_f64();
            match &case.failure {
                None => {
                    println!("ok     {seconds:6.1} s  {name}/{}", case.name);
                    counts.passed += 1;
                }
                Some(why) => {
                    println!("FAILED {seconds:6.1} s  {name}/{}: {why}", case.name);
                    counts.fail(&format!("{name}/{}", case.name), why);
                }
            }
        }
        let notes = report.notes.iter();
        for note in notes.filter(|note| Cell::parse(&note.text).is_none()) {
            println!("                 {name}/{}: {}", note.case, note.text);
        }
        if let Some(trouble) = &report.trouble {
            counts.fail_loudly(name, trouble);
        }
        let excerpts = report.excerpts();
        if self.verbose {
            println!("---- console of {name}\n{}----", report.console);
        } else if !excerpts.is_empty() {
            println!("---- console of {name}, in part; -v shows it whole\n{excerpts}----");
        }
    }
}

/// Returns true if a suite leaves enough of the host for another one.
fn is_small(suite: &Suite) -> bool {
    suite.scope == Scope::Always && !suite.is_joint()
}

/// Returns the notes of a case of the host, or its failure.
fn host_verdict(suite: &Suite, case: &str, outcome: &Outcome) -> Result<Vec<String>> {
    let judge = judges::find(suite.name, case);
    let judge = judge.ok_or_else(|| anyhow!("no judge for {}/{case}", suite.name))?;
    let samples = outcome.samples.as_ref();
    judge(samples.map_err(|error| anyhow!("{error:#}"))?)
}

fn locked(counts: &Mutex<Counts>) -> std::sync::MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` with each of `items`, with [`SIDE_BY_SIDE`] at a time, until one fails.
fn side_by_side<T: Sync>(items: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
        })
    })
}

/// The verdicts of a run.
#[derive(Default)]
struct Counts {
    passed: u32,
    /// The failures, with their reasons.
    failures: Vec<String>,
}

impl Counts {
    fn fail(&mut self, name: &str, why: &str) {
        self.failures.push(format!("{name}: {why}"));
    }

    /// Prints a failure that has no verdict of a guest.
    fn fail_loudly(&mut self, name: &str, why: &str) {
        println!("FAILED           {name}: {why}");
        self.fail(name, why);
    }

    /// Prints all failures again, and the counts, so that the end of a long run shows what matters.
    fn finish(&self) -> ExitCode {
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
    fn each_item_is_worked_on_once_and_a_failure_is_returned() {
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
