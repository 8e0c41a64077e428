// SPDX-License-Identifier: MIT OR Apache-2.0
//! Progress on standard error: a bar, lines of text, or records of JSON.
//!
//! | module | owns |
//! |---|---|
//! | `bar` | the bar and the spinner on a terminal |
//! | `lines` | lines of text or JSON, at a limited rate |

mod bar;
mod lines;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::program::Program;
use lines::Lines;

/// The form of progress: the values of `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// A bar if standard error is a terminal, unless the run is quiet
    Auto,
    /// A bar on a terminal, lines of text elsewhere
    Always,
    /// None
    Never,
    /// Records of JSON, one a line
    Json,
}

/// The option `--progress`.
#[derive(Args, Clone, Copy, Debug)]
pub struct ProgressArgs {
    /// Show progress on standard error
    #[arg(
        long = "progress",
        value_name = "WHEN",
        value_enum,
        default_value = "auto"
    )]
    show: Show,
}

impl ProgressArgs {
    /// The form of a run that is not quiet.
    #[must_use]
    pub fn show(self) -> Show {
        self.show
    }

    /// The form of a quiet run: only progress that was asked for.
    #[must_use]
    pub fn quiet(self) -> Show {
        match self.show {
            Show::Auto => Show::Never,
            show => show,
        }
    }
}

/// The unit in which the progress of a phase is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes of contents.
    Bytes,
    /// Entries of directories.
    Entries,
    /// Phases without a count: 0, and 1 at the end.
    Steps,
}

/// A phase of a run.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// The name in JSON.
    pub name: &'static str,
    /// The word that people see.
    pub title: &'static str,
    /// The unit of the counts.
    pub unit: Unit,
    /// The count at its start.
    pub done: u64,
    /// The count at its end, if it is known.
    pub total: Option<u64>,
}

/// The progress of a run. Any thread may move it.
#[derive(Debug)]
pub struct Progress {
    form: Form,
    /// True if nothing is to be printed any more.
    is_cleared: AtomicBool,
}

#[derive(Debug)]
enum Form {
    Hidden,
    Bar(indicatif::ProgressBar),
    Lines(Mutex<Lines>),
}

impl Progress {
    /// The progress of a program, before its first phase.
    #[must_use]
    pub fn new(program: Program, show: Show) -> Self {
        let lines = |format| Form::Lines(Mutex::new(Lines::new(program, format)));
        let form = match show {
            Show::Never => Form::Hidden,
            Show::Json => lines(lines::Format::Json),
            Show::Auto if !bar::is_possible() => Form::Hidden,
            Show::Always if !bar::is_possible() => lines(lines::Format::Text),
            Show::Auto | Show::Always => Form::Bar(bar::new()),
        };
        Self {
            form,
            is_cleared: AtomicBool::new(false),
        }
    }

    /// Ends the current phase and begins another one.
    pub fn begin(&self, phase: Phase) {
        if self.is_cleared.load(Ordering::Acquire) {
            return;
        }
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar::begin(bar, phase),
            Form::Lines(lines) => lock(lines).begin(phase),
        }
    }

    /// Moves the progress of the phase on.
    pub fn advance(&self, count: u64) {
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar.inc(count),
            Form::Lines(lines) => lock(lines).advance(count),
        }
    }

    /// Prints a line on standard error, above the bar. A failure to print it is ignored: it cannot
    /// be reported anywhere.
    pub fn print(&self, line: impl Display) {
        let print = || {
            let _ = writeln!(io::stderr(), "{line}");
        };
        match &self.form {
            Form::Bar(bar) => bar.suspend(print),
            Form::Hidden | Form::Lines(_) => print(),
        }
    }

    /// Ends the current phase, which is completed.
    pub fn end(&self) {
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar.finish_and_clear(),
            Form::Lines(lines) => lock(lines).end(),
        }
    }

    /// Stops without an end of the current phase: before an error message, and on signals. Nothing
    /// is printed any more.
    pub fn clear(&self) {
        self.is_cleared.store(true, Ordering::Release);
        match &self.form {
            Form::Hidden => {}
            Form::Bar(bar) => bar.finish_and_clear(),
            Form::Lines(lines) => lock(lines).clear(),
        }
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
