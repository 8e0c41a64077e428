// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask hostile`: all that is enumerated about hostile images, in one run.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process::{self, cargo};
use crate::workspace;

/// Options of `cargo xtask hostile`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Try a few values of each byte and field, as the tests do, and record nothing
    #[arg(long)]
    quick: bool,

    /// Write docs/hostile.md from the table and the last full run, and try nothing
    #[arg(long, conflicts_with = "quick")]
    document: bool,
}

impl Args {
    /// Runs; the counts of a full run become part of docs/hostile.md.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if !self.document {
            let mut measure = hostile("measure");
            process::run(measure.args(self.quick.then_some("--quick")))?;
        }
        if !self.quick {
            let page = process::capture(&mut hostile("document"))?;
            let path = workspace::root().join("docs/hostile.md");
            fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn hostile(command: &str) -> Command {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "daxfs-hostile"]);
    cargo.args(["--", command]);
    cargo
}
