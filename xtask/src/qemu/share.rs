// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench share`: the memory of two kernels that run four containers each from one root
//! file system, beside EROFS (with DAX from a pmem device of each kernel and from one that both share,
//! and through the page cache from a disk) and tmpfs.
//!
//! What the guests take is counted on the host: every page of their RAM that they have touched, what
//! was freed since included. A disk costs nothing here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use super::artifacts::Artifacts;
use super::machine::{Machine, Placed, Processor};
use super::pair::{self, Sample};
use super::shared::SharedMemory;
use super::{image, initramfs, peers};
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::tree;

/// How long two guests may take.
const LIMIT: Duration = Duration::from_secs(1200);

/// The columns, ours first.
const COLUMNS: [&str; 5] = ["daxfs", "erofs-shared", "erofs-dax", "erofs", "tmpfs"];

/// Options of `cargo xtask bench share`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Two samples of a column: nothing mounted, and all containers there.
struct Column {
    name: &'static str,
    idle: Sample,
    full: Sample,
}

impl Args {
    /// Runs the guests and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        let artifacts = Artifacts::build(Configuration::Plain)?;
        let daxfs = image::debian(&artifacts)?;
        let erofs = step("making the EROFS image", || {
            peers::erofs(&tree::debian::obtain()?, "share")
        })?;
        let mut columns = Vec::new();
        for name in COLUMNS {
            columns.push(step(name, || measure(name, &artifacts, &daxfs, &erofs))?);
        }
        print(&columns);
        Ok(())
    }
}

fn measure(
    name: &'static str,
    artifacts: &Artifacts,
    daxfs: &Path,
    erofs: &Path,
) -> Result<Column> {
    let image = SharedMemory::holding(daxfs)?;
    let files = |wanted: &str| {
        let files = (name == wanted).then(|| erofs.to_owned());
        files.into_iter().collect::<Vec<_>>()
    };
    let pmem = (name == "erofs-shared")
        .then(|| SharedMemory::for_pmem(erofs))
        .transpose()?;
    let machine = || -> Result<Machine> {
        Ok(Machine {
            peers: files("erofs-dax"),
            pmem: pmem.clone(),
            disks: files("erofs"),
            ..Machine::new(
                artifacts,
                initramfs::make("share", artifacts, None)?,
                Placed::Shared(Arc::clone(&image)),
                Processor::Emulated,
            )
        })
    };
    let arguments = vec!["suite=share".to_owned(), format!("column={name}")];
    let outcome = pair::run(
        [machine()?, machine()?],
        [arguments.clone(), arguments],
        LIMIT,
    )?;
    for report in &outcome.reports {
        let failure = report.cases.iter().find_map(|case| case.failure.as_ref());
        if let Some(why) = report.trouble.as_ref().or(failure) {
            bail!("{name}: {why}; the console:\n{}", report.console);
        }
    }
    let mut full = *outcome
        .samples
        .get(1)
        .context("no sample of the containers")?;
    if name != "daxfs" {
        // The daxfs image is there to copy from, or not at all.
        full.image = pmem.map_or(Ok(0), |pmem| pmem.allocated())?;
    }
    let idle = *outcome.samples.first().context("no sample")?;
    Ok(Column { name, idle, full })
}

/// A figure of a column, in bytes.
type Figure = fn(&Column) -> u64;

/// Prints the rows, those where others are better first.
fn print(columns: &[Column]) {
    let mut rows: [(&str, Figure); 2] = [
        ("2 kernels with 4 containers each, all memory", total),
        (
            "what both kernels take more than with nothing mounted",
            growth,
        ),
    ];
    rows.sort_by(|(_, a), (_, b)| standing(columns, *b).total_cmp(&standing(columns, *a)));
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    println!("| MiB | {} | ours / best other |", names.join(" | "));
    println!("|---|{}", "--:|".repeat(names.len() + 1));
    for (name, row) in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| (row(column) >> 20).to_string())
            .collect();
        println!(
            "| {name} | {} | {:.2} |",
            cells.join(" | "),
            standing(columns, row)
        );
    }
}

fn total(column: &Column) -> u64 {
    column.full.ram() + column.full.image
}

fn growth(column: &Column) -> u64 {
    column.full.ram().saturating_sub(column.idle.ram())
}

/// Our figure divided by the best of the others.
fn standing(columns: &[Column], row: Figure) -> f64 {
    let figure = |column: &Column| f64::from(u32::try_from(row(column) >> 10).unwrap_or(u32::MAX));
    let (ours, others) = columns.split_at(1);
    let best = others
        .iter()
        .map(figure)
        .min_by(f64::total_cmp)
        .unwrap_or(1.0);
    ours.iter().map(figure).sum::<f64>() / best
}
