// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: everything that must pass before a change lands.

use std::process::ExitCode;

use anyhow::Result;

use crate::report::Tally;
use crate::{check, dist, readme, roundtrip, setup};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the round trips of real trees only.
    #[arg(long)]
    round_trips: bool,
}

impl Args {
    /// Runs the stages and reports them.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        if tally.stage("setup", |_| setup::run()) {
            if !self.round_trips {
                check::stages(&mut tally);
                tally.stage("README's first command", readme::first_command);
                tally.stage("dist", |log| log.run(&mut dist::command()));
            }
            roundtrip::stages(&mut tally);
        }
        Ok(tally.finish())
    }
}
