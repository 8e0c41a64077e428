// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench mount`: what reading, mapping and running from a mount costs, in one guest,
//! beside EROFS (with and without DAX), ext4 with DAX, and tmpfs, from the same tree.
//!
//! The guest's clock counts instructions, so that the figures are the same whatever else the host
//! does. They are no times: caches and memory cost nothing there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use super::artifacts::Artifacts;
use super::machine::{Machine, Processor};
use super::{console, image, initramfs};
use crate::kernel::step::step;
use crate::kernel::toolchain;
use crate::{process, tree, workspace};

/// How long the guest may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// The names in the large directory, and the length of the large file.
const MANY: u32 = 10_000;
const LARGE: u64 = 64 << 20;

/// The columns, ours first.
const COLUMNS: [&str; 5] = ["daxfs", "erofs-dax", "erofs", "ext4-dax", "tmpfs"];

const PACKAGES: &[(&str, &str)] = &[
    ("erofs-utils", "/usr/bin/mkfs.erofs"),
    ("e2fsprogs", "/sbin/mkfs.ext4"),
];

/// Options of `cargo xtask bench mount`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only the rows whose name contains this
    filter: Option<String>,
}

impl Args {
    /// Runs the guest and prints the table.
    pub(crate) fn run(&self) -> Result<()> {
        toolchain::install_packages(PACKAGES)?;
        let artifacts = Artifacts::build()?;
        let dir = step("making the tree", subject)?;
        let image = step("making the daxfs image", || {
            image::build(&artifacts, &dir, "bench")
        })?;
        let peers = vec![
            step("making the EROFS image", || erofs(&dir))?,
            step("making the ext4 image", || ext4(&dir))?,
        ];
        let machine = Machine {
            initramfs: initramfs::make("bench", &artifacts, None)?,
            kernel: artifacts.kernel,
            image,
            peers,
            processor: Processor::Counting,
        };
        let mut arguments = vec!["suite=bench".to_owned()];
        arguments.extend(self.filter.iter().map(|filter| format!("filter={filter}")));
        let report = step("measuring", || {
            console::watch(&mut machine.command(&arguments)?, LIMIT, LIMIT)
        })?;
        if let Some(trouble) = report.trouble {
            bail!("{trouble}; the console:\n{}", report.console);
        }
        print(&report.notes);
        Ok(())
    }
}

/// The Debian tree with a large directory and a large file.
fn subject() -> Result<PathBuf> {
    let dir = workspace::scratch_dir()?.join("bench-tree");
    if dir.join("large").exists() {
        return Ok(dir);
    }
    let mut copy = Command::new("cp");
    process::run(
        copy.args(["-a", "--reflink=auto"])
            .arg(tree::debian::obtain()?)
            .arg(&dir),
    )?;
    fs::create_dir(dir.join("many"))?;
    for number in 0..MANY {
        File::create(dir.join(format!("many/name-{number:05}")))?;
    }
    let words =
        (0..LARGE / 8).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    fs::write(dir.join("large"), words.collect::<Vec<u8>>())?;
    Ok(dir)
}

fn fresh(name: &str) -> Result<PathBuf> {
    let path = workspace::scratch_dir()?.join(name);
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(path)
}

/// Without inline tails: EROFS cannot map a file in place whose tail lies in its metadata.
fn erofs(dir: &Path) -> Result<PathBuf> {
    let image = fresh("bench.erofs")?;
    process::capture(
        Command::new("mkfs.erofs")
            .args(["-x2", "-Enoinline_data"])
            .arg(&image)
            .arg(dir),
    )?;
    Ok(image)
}

fn ext4(dir: &Path) -> Result<PathBuf> {
    let image = fresh("bench.ext4")?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-b", "4096", "-O", "^has_journal", "-m", "0", "-d"])
        .arg(dir)
        .arg(&image);
    process::capture(make.arg("900M"))?;
    Ok(image)
}

/// Prints what the guest measured: a line for each row, those where others are better first.
fn print(notes: &[String]) {
    let mut rows: BTreeMap<(usize, &str), BTreeMap<&str, f64>> = BTreeMap::new();
    for note in notes {
        let fields: Vec<&str> = note.split('|').collect();
        let [order, row, column, value] = fields.as_slice() else {
            continue;
        };
        let (Ok(order), Ok(value)) = (order.parse(), value.parse()) else {
            continue;
        };
        rows.entry((order, row)).or_default().insert(column, value);
    }
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|((_, row), values)| (row, values))
        .collect();
    rows.sort_by(|(_, a), (_, b)| standing(b).total_cmp(&standing(a)));
    println!("| row | {} | ours / best other |", COLUMNS.join(" | "));
    println!("|---|{}", "--:|".repeat(COLUMNS.len() + 1));
    for (row, values) in &rows {
        let cells: Vec<String> = COLUMNS
            .iter()
            .map(|column| {
                values
                    .get(column)
                    .map_or("-".to_owned(), |value| format!("{value:.0}"))
            })
            .collect();
        println!(
            "| {row} | {} | {:.2} |",
            cells.join(" | "),
            standing(values)
        );
    }
}

/// Our figure divided by the best of the others; 0 where there is no other.
fn standing(values: &BTreeMap<&str, f64>) -> f64 {
    let ours = values.get("daxfs").copied().unwrap_or(0.0);
    let best = values
        .iter()
        .filter(|(column, _)| **column != "daxfs")
        .map(|(_, value)| *value);
    match best.min_by(f64::total_cmp) {
        Some(best) if best > 0.0 => ours / best,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_by_the_best_of_the_others() {
        let values = BTreeMap::from([("daxfs", 6.0), ("tmpfs", 3.0), ("erofs", 4.0)]);
        assert!((standing(&values) - 2.0).abs() < 1e-9);
        assert!(standing(&BTreeMap::from([("daxfs", 6.0)])) == 0.0);
    }
}
