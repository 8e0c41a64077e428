// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of the builder.

mod report;

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use mkdaxfs::cli::{Cli, Print};
use mkdaxfs::{Error, Mode};

use crate::report::Reporter;

fn main() -> ExitCode {
    let epoch = std::env::var_os("SOURCE_DATE_EPOCH");
    let cli = match Cli::parse().complete(epoch.as_deref()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Err(error) = mkdaxfs::watch_signals() {
        eprintln!("mkdaxfs: cannot watch for signals: {error}");
        return ExitCode::FAILURE;
    }
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            print_error(&error);
            match error {
                // As for everything else that is wrong with the command line.
                Error::Pattern { .. } => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(cli: &Cli) -> mkdaxfs::Result<ExitCode> {
    let options = cli.options()?;
    let reporter = Reporter::new(cli.print());
    let result = mkdaxfs::build(&options, &reporter);
    reporter.finish();
    let summary = result?;
    let printed = match (cli.json(), cli.print()) {
        (true, _) => report::print_json(&summary),
        (_, Print::Nothing) => Ok(()),
        _ => report::print_summary(&options.image, &summary, options.mode == Mode::Write),
    };
    // The image is there; a reader that has gone away is no failure of the build.
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("mkdaxfs: cannot print the summary: {error}");
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn print_error(error: &Error) {
    eprint!("mkdaxfs: {error}");
    let mut cause = error.source();
    while let Some(next) = cause {
        eprint!(": {next}");
        cause = next.source();
    }
    eprintln!();
    if let Some(hint) = error.hint() {
        eprintln!("mkdaxfs: {hint}");
    }
}
