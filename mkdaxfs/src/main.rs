// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of the builder.

mod report;

use std::process::ExitCode;
use std::sync::Arc;

use daxfs_cli::arguments::parse;
use daxfs_cli::program::{Chain, Output as Printed};
use daxfs_cli::signals;
use mkdaxfs::cli::Cli;
use mkdaxfs::{Error, Options, Summary};

use crate::report::summary::{print_json, print_text};
use crate::report::{Reporter, PROGRAM};

/// The exit status of a wrong command line.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match parse::<Cli>(USAGE) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    let epoch = std::env::var_os("SOURCE_DATE_EPOCH");
    let cli = match cli.complete(epoch.as_deref()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let reporter = Arc::new(Reporter::new(cli.print(), cli.show()));
    let shown = Arc::clone(&reporter);
    let last_steps = move || {
        let left = mkdaxfs::interrupt();
        shown.clear();
        left
    };
    if let Err(error) = signals::watch(PROGRAM, last_steps) {
        PROGRAM.message(format_args!("cannot watch for signals: {error}"));
        return ExitCode::FAILURE;
    }
    run(&cli, &reporter).unwrap_or_else(|error| failure(&error))
}

fn run(cli: &Cli, reporter: &Reporter) -> mkdaxfs::Result<ExitCode> {
    let options = cli.options()?;
    let result = mkdaxfs::build(&options, reporter);
    reporter.finish(&result);
    Ok(match print(cli, &options, &result?) {
        Printed::Done => ExitCode::SUCCESS,
        Printed::Failed => ExitCode::FAILURE,
    })
}

fn print(cli: &Cli, options: &Options, summary: &Summary) -> Printed {
    PROGRAM.output(if cli.json() {
        print_json(options, summary)
    } else {
        print_text(cli.print(), options, summary)
    })
}

/// Prints an error with its causes and a hint, and returns the exit status.
fn failure(error: &Error) -> ExitCode {
    if let Error::Several { errors, more } = error {
        for error in errors {
            PROGRAM.message(Chain(error));
        }
        if *more != 0 {
            PROGRAM.message(format_args!("and {more} more"));
        }
    } else {
        PROGRAM.message(Chain(error));
    }
    if let Some(hint) = error.hint() {
        PROGRAM.message(hint);
    }
    match error {
        // A wrong command line, like those that the parser finds.
        Error::Pattern { .. } | Error::Prefix { .. } | Error::UnknownName { .. } => {
            ExitCode::from(USAGE)
        }
        _ => ExitCode::FAILURE,
    }
}
