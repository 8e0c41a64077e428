// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect`: shows the objects of an image.
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`open`] | opening an image, damaged or not, and paths in it |
//! | [`console`], [`human`] | printing results and problems |
//! | [`info`], [`ls`], [`stat`], [`cat`], [`tree`], [`map`], [`dump`], [`diff`] | one command each |
//! | [`devices`] | the command without an image: memory that may hold one |
//!
//! A command reports objects that it cannot read on standard error, and continues.

pub mod cat;
pub mod cli;
pub mod console;
pub mod devices;
pub mod diff;
pub mod dump;
pub mod human;
pub mod info;
pub mod ls;
pub mod map;
pub mod open;
pub mod stat;
pub mod tree;

use std::io;

use anyhow::Result;
use daxfs_cli::program::is_closed;

use crate::cli::{Cli, Command};
use crate::console::Console;
use crate::diff::Verdict;

/// The result of a run, for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was found, or two trees are equal: 0.
    Success,
    /// Something was missing or damaged, or two trees differ: 1.
    Failure,
    /// The comparison of two trees could not be completed: 2.
    Trouble,
}

impl Exit {
    /// The exit code of the process.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Trouble => 2,
        }
    }
}

/// Runs a command.
pub fn run(cli: &Cli, console: &mut Console<'_>) -> Exit {
    console.set_form(cli.json.into());
    let mut verdict = Verdict::Unknown;
    let result = run_command(&cli.command, &mut verdict, console);
    match result.and_then(|()| Ok(console.finish()?)) {
        Ok(()) => {}
        // The reader of the output has closed the pipe.
        Err(error) if is_broken_pipe(&error) => {}
        // All other errors name their subject.
        Err(error) if error.source().is_none() && error.is::<io::Error>() => {
            console.problem(format_args!("cannot write the output: {error}"));
        }
        Err(error) => console.problem(format_args!("{error:#}")),
    }
    let is_diff = matches!(cli.command, Command::Diff(_));
    match (console.problems(), verdict) {
        (0, _) if !is_diff => Exit::Success,
        _ if !is_diff => Exit::Failure,
        (0, Verdict::Same) => Exit::Success,
        (0, Verdict::Different) => Exit::Failure,
        _ => Exit::Trouble,
    }
}

fn run_command(command: &Command, verdict: &mut Verdict, console: &mut Console<'_>) -> Result<()> {
    match command {
        Command::Info(arguments) => info::run(arguments, console),
        Command::Diff(arguments) => diff::run(arguments, verdict, console),
        Command::Dump(arguments) => dump::run(arguments, console),
        Command::Ls(arguments) => ls::run(arguments, console),
        Command::Stat(arguments) => stat::run(arguments, console),
        Command::Cat(arguments) => cat::run(arguments, console),
        Command::Tree(arguments) => tree::run(arguments, console),
        Command::Map(arguments) => map::run(arguments, console),
        Command::Devices => devices::run(console),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.root_cause().downcast_ref().is_some_and(is_closed)
}
