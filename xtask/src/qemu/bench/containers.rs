// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench containers`: the memory of eight containers from one image, beside EROFS and
//! copies in tmpfs.

use anyhow::Result;

use super::run;
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::qemu::artifacts::Artifacts;
use crate::qemu::files::Files;
use crate::qemu::table;

/// Options of `cargo xtask bench containers`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Runs the guest and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        let mut files = Files::new(Artifacts::build(Configuration::Plain)?);
        let outcome = step("starting containers", || {
            run("containers", &mut files, |_, _| ())
        })?;
        let reports = outcome.reports.iter();
        reports.for_each(|report| table::print(&report.notes));
        Ok(())
    }
}
