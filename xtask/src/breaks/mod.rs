// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask breaks`: proof that the guest cases can fail.
//!
//! Each break of the list is made to a copy of the module's source, which is built; the cases that the
//! list names run on it, and every one must fail. A case fails also if the kernel is in trouble while
//! it runs.
//!
//! | module | owns |
//! |---|---|
//! | [`list`] | the list of breaks, and the document made from it |

mod list;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::qemu::Trials;
use crate::{process, workspace};
use list::{Break, Edit};

/// Options of `cargo xtask breaks`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Make only the breaks whose part, words or cases contain this
    filter: Option<String>,
    /// Print docs/breaks.md instead
    #[arg(long)]
    document: bool,
    /// Only look whether the list fits the source and the cases
    #[arg(long)]
    check: bool,
}

impl Args {
    /// Makes the breaks, and reports what failed for each.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let all = list::read()?;
        if self.document {
            print!("{}", list::document(&all));
            return Ok(ExitCode::SUCCESS);
        }
        let faults = list::faults(&all)?;
        if !faults.is_empty() || self.check {
            faults.iter().for_each(|fault| println!("{fault}"));
            println!("{} breaks, {} faults of the list", all.len(), faults.len());
            let good = faults.is_empty();
            return Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        let mut workshop = Workshop::open()?;
        let (mut noticed, mut missed) = (0, 0);
        for entry in all.iter().filter(|entry| self.wants(entry)) {
            let passed = workshop.try_break(entry)?;
            if passed.is_empty() {
                println!("noticed  {}: {}", entry.what, entry.cases.join(", "));
                noticed += 1;
            } else {
                println!(
                    "MISSED   {}: {} did not fail",
                    entry.what,
                    passed.join(", ")
                );
                missed += 1;
            }
        }
        println!("{noticed} breaks noticed, {missed} missed");
        let good = missed == 0 && noticed > 0;
        Ok(if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn wants(&self, entry: &Break) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        entry.part.contains(filter.as_str())
            || entry.what.contains(filter.as_str())
            || entry
                .cases
                .iter()
                .any(|case| case.contains(filter.as_str()))
    }
}

/// The directories that the module is built from.
const SOURCES: [&str; 2] = ["daxfs-kmod", "daxfs-format"];

/// A copy of the module's source, and the means to run cases on what is built from it.
struct Workshop {
    dir: PathBuf,
    trials: Trials,
}

impl Workshop {
    fn open() -> Result<Self> {
        let dir = workspace::scratch_dir()?.join("breaks");
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        fs::create_dir_all(dir.join("objects"))?;
        let mut copy = Command::new("cp");
        copy.arg("-a")
            .args(SOURCES.map(|name| workspace::root().join(name)))
            .arg(&dir);
        process::run(&mut copy)?;
        let trials = Trials::prepare()?;
        Ok(Self { dir, trials })
    }

    /// Makes a break, runs its cases, and mends it; returns the cases that did not fail.
    fn try_break(&mut self, entry: &Break) -> Result<Vec<String>> {
        for edit in &entry.edits {
            self.make(edit)?;
        }
        let result = self.passed(entry);
        for edit in &entry.edits {
            fs::copy(
                workspace::root().join(&edit.file),
                self.dir.join(&edit.file),
            )?;
        }
        result.with_context(|| format!("break \"{}\"", entry.what))
    }

    fn make(&self, edit: &Edit) -> Result<()> {
        let path = self.dir.join(&edit.file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(fs::write(&path, edit.apply(&text)?)?)
    }

    fn passed(&mut self, entry: &Break) -> Result<Vec<String>> {
        let module = self
            .trials
            .build(&self.dir.join("daxfs-kmod"), &self.dir.join("objects"))?;
        let mut passed = Vec::new();
        for (suite, cases) in by_suite(&entry.cases) {
            let failed = self.trials.failing(suite, &cases, &module)?;
            let not = cases.iter().filter(|case| !failed.contains(**case));
            passed.extend(not.map(|case| format!("{suite}/{case}")));
        }
        Ok(passed)
    }
}

/// The cases by their suites.
fn by_suite(cases: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut suites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (suite, case) in cases.iter().filter_map(|case| case.split_once('/')) {
        suites.entry(suite).or_default().push(case);
    }
    suites
}
