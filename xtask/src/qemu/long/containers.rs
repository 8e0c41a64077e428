// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench containers`: what eight containers from one image cost in memory, beside EROFS
//! and copies in tmpfs.

use anyhow::{bail, Result};

use super::{table, Trees, CONTAINERS};
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::qemu::artifacts::Artifacts;
use crate::qemu::machine::Processor;

/// Options of `cargo xtask bench containers`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Runs the guest and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        let artifacts = Artifacts::build(Configuration::Plain)?;
        let report = step("starting containers", || {
            let mut trees = Trees::default();
            let files = trees.files(&CONTAINERS, &artifacts)?;
            CONTAINERS.run(files, &artifacts, None, Processor::Emulated)
        })?;
        let failed = report.cases.iter().find(|case| case.failure.is_some());
        if report.trouble.is_some() || failed.is_some() {
            bail!(
                "{:?} {failed:?}; the console:\n{}",
                report.trouble,
                report.console
            );
        }
        table::print(&report.notes);
        Ok(())
    }
}
