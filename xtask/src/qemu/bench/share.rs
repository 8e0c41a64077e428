// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench share`: the memory of two kernels that run four containers each from one root
//! file system, beside EROFS (with DAX from a pmem device of each kernel and from one that both
//! share, and through the page cache from a disk) and tmpfs.
//!
//! The host counts every page of their RAM that the guests have touched, including freed ones. A
//! disk costs nothing here.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use daxfs_vm_protocol::measurement::SHARE_COLUMNS;
use daxfs_vm_protocol::suite::{Image, Peer};
use daxfs_vm_protocol::words::share;
use daxfs_vm_protocol::Setting;

use super::comparison::Comparison;
use super::run;
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::qemu::artifacts::Artifacts;
use crate::qemu::conductor::Sample;
use crate::qemu::files::Files;
use crate::qemu::judges::sample_at;
use crate::qemu::machine::Machine;
use crate::qemu::shared::SharedMemory;

/// Options of `cargo xtask bench share`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The rows.
const TOTAL: &str = "2 kernels with 4 containers each, all memory";
const GROWTH: &str = "growth of both kernels from nothing mounted";

impl Args {
    /// Runs the guests and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        let mut files = Files::new(Artifacts::build(Configuration::Plain)?);
        let erofs = step("making the EROFS image", || {
            files.peer(Image::Debian, Peer::Erofs)
        })?;
        let mut table = Comparison::new(&SHARE_COLUMNS);
        for name in SHARE_COLUMNS {
            let (idle, full) = step(name, || measure(name, &mut files, &erofs))?;
            table.set(TOTAL, name, mebibytes(full.ram() + full.image));
            let growth = full.ram().saturating_sub(idle.ram());
            table.set(GROWTH, name, mebibytes(growth));
        }
        table.print("MiB");
        Ok(())
    }
}

/// Returns two samples of a column: with nothing mounted, and with all containers.
fn measure(column: &str, files: &mut Files, erofs: &Path) -> Result<(Sample, Sample)> {
    let pmem = (column == "erofs-shared").then(|| SharedMemory::for_pmem(erofs));
    let pmem = pmem.transpose()?;
    let outcome = run("share", files, |session, arguments| {
        arguments.set(Setting::Column, &column);
        for machine in &mut session.machines {
            attach(column, machine, erofs, pmem.as_ref());
        }
    })?;
    let samples = outcome.samples?;
    let mut full = *sample_at(&samples, share::CONTAINERS)?;
    if column != "daxfs" {
        // The daxfs image is only a source to copy from.
        full.image = pmem.map_or(Ok(0), |pmem| pmem.allocated())?;
    }
    Ok((*sample_at(&samples, share::IDLE)?, full))
}

/// Attaches the memory or the disk of a column.
fn attach(column: &str, machine: &mut Machine, erofs: &Path, pmem: Option<&Arc<SharedMemory>>) {
    machine.pmem = pmem.map(Arc::clone);
    match column {
        "erofs-dax" => machine.peers.push(erofs.to_owned()),
        "erofs" => machine.disks.push(erofs.to_owned()),
        _ => {}
    }
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
}
