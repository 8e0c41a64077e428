// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask hostile`: everything that is enumerated about hostile images, in one run.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::{self, cargo};

/// Options of `cargo xtask hostile`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Try a few values of each byte and field, as the tests do, and record nothing
    #[arg(long)]
    quick: bool,

    /// Write docs/results/hostile-classes.md from the tables, and try nothing
    #[arg(long, conflicts_with = "quick")]
    document: bool,
}

impl Args {
    /// Runs; a full run writes its counts to docs/results/hostile.md.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut hostile = cargo();
        hostile.args(["run", "--quiet", "--release", "--package", "daxfs-hostile"]);
        hostile.arg("--");
        hostile.args(self.quick.then_some("--quick"));
        hostile.args(self.document.then_some("--document"));
        process::run(&mut hostile)?;
        Ok(ExitCode::SUCCESS)
    }
}
