// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask breaks`: proof that tests can fail.
//!
//! Each break of a list is made to a copy of the source; the cases that the list names run on what is
//! built from it, and every one must fail. There are two lists, for the kernel module and for what runs
//! in user space: see [`Subject`].
//!
//! | module | owns |
//! |---|---|
//! | [`document`] | docs/breaks.md, which is made from the lists |
//! | [`guest`] | breaks of the kernel module, and the guest cases |
//! | [`list`] | the form of the lists |
//! | [`subject`] | what the lists have in common, and what makes a list wrong |
//! | [`tools`] | breaks of the tools and libraries, and their tests |
//! | [`workshop`] | the copy in which the breaks are made |

mod document;
mod guest;
mod list;
mod subject;
mod tools;
mod workshop;

use std::process::ExitCode;

use anyhow::{ensure, Result};

use crate::report::Log;
use list::Break;
use subject::Subject;
use workshop::Workshop;

/// All lists.
const SUBJECTS: [&Subject; 2] = [&guest::SUBJECT, &tools::SUBJECT];

/// What `cargo xtask breaks` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Breaks {
    /// Break the kernel module, and see guest cases fail
    Guest(Filter),
    /// Break the tools and libraries, and see their tests fail
    Tools(Filter),
    /// Only look whether the lists fit the source and the tests
    Check,
    /// Print docs/breaks.md
    Document,
}

/// Which breaks are made.
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    /// Only those whose part, words or cases contain this
    filter: Option<String>,
}

impl Breaks {
    /// Makes the breaks, and reports what failed for each.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Guest(filter) => make_all(&guest::SUBJECT, filter),
            Self::Tools(filter) => make_all(&tools::SUBJECT, filter),
            Self::Check => {
                println!("{}", fit()?);
                Ok(ExitCode::SUCCESS)
            }
            Self::Document => {
                print!("{}", document::text()?);
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Filter {
    fn wants(&self, entry: &Break) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        let mut texts = [&entry.part, &entry.what].into_iter().chain(&entry.cases);
        texts.any(|text| text.contains(filter.as_str()))
    }
}

/// The stage of `cargo xtask check`: the lists fit the source and the tests.
///
/// # Errors
/// When one does not.
pub(crate) fn check(log: &mut Log) -> Result<()> {
    log.note(fit()?);
    Ok(())
}

/// Looks whether the lists fit the source and the tests; says how many breaks there are.
fn fit() -> Result<String> {
    let (mut breaks, mut faults) = (0, Vec::new());
    for subject in SUBJECTS {
        let all = subject.read()?.breaks;
        breaks += all.len();
        faults.extend(subject.faults(&all)?);
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(format!("{breaks} breaks"))
}

/// Makes the wanted breaks of a list one after the other.
fn make_all(subject: &Subject, filter: &Filter) -> Result<ExitCode> {
    let all = subject.read()?.breaks;
    let faults = subject.faults(&all)?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let wanted: Vec<&Break> = all.iter().filter(|entry| filter.wants(entry)).collect();
    ensure!(!wanted.is_empty(), "no break has this in its words");
    let mut workshop = Workshop::open(subject, &wanted)?;
    let mut missed = 0;
    for entry in &wanted {
        match workshop.try_break(entry) {
            Ok(passed) if passed.is_empty() => {
                println!("noticed  {}: {}", entry.what, entry.cases.join(", "));
            }
            Ok(passed) => {
                println!("MISSED   {}: not by {}", entry.what, passed.join(", "));
                missed += 1;
            }
            Err(error) => {
                println!("NOT MADE {}: {error:#}", entry.what);
                missed += 1;
            }
        }
    }
    let noticed = wanted.len() - missed;
    println!("{noticed} breaks noticed, {missed} missed");
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
