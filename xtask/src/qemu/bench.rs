// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench mount`: what reading, mapping and running from a mount costs, in one guest,
//! beside EROFS (with and without DAX), ext4 with DAX, and tmpfs, from the same tree.
//!
//! The guest's clock counts instructions, so that the figures are the same whatever else the host
//! does. They are no times: caches and memory cost nothing there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, ensure, Result};

use super::artifacts::Artifacts;
use super::machine::{Machine, Placed, Processor};
use super::{console, image, initramfs, peers};
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::{process, tree, workspace};

/// How long the guest may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// The names in the large directory, and the length of the large file.
const MANY: u32 = 10_000;
const LARGE: u64 = 64 << 20;

/// The columns, ours first.
const COLUMNS: [&str; 5] = ["daxfs", "erofs-dax", "erofs", "ext4-dax", "tmpfs"];

/// Which columns have a figure in a row.
enum In {
    /// All.
    Every,
    /// All but tmpfs, which has no image to mount or to forget.
    Images,
    /// Ours alone.
    Ours,
}

impl In {
    fn includes(&self, column: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Images => column != "tmpfs",
            Self::Ours => column == "daxfs",
        }
    }
}

/// The rows of the table. A run that lacks a figure fails: what is not measured must not look as if
/// there were no such question.
const ROWS: &[(&str, In)] = &[
    ("mount", In::Images),
    ("mount with validate", In::Ours),
    ("read, 1 MiB calls, per 4 KiB, cold", In::Every),
    ("read, 1 MiB calls, per 4 KiB, warm", In::Every),
    ("read, 4 KiB calls", In::Every),
    ("pread at random, 4 KiB calls", In::Every),
    ("touch 64 MiB shared, per page", In::Every),
    ("touch 64 MiB shared, faults", In::Every),
    ("unmap 64 MiB shared, per page", In::Every),
    ("touch 64 MiB private, per page", In::Every),
    ("touch 64 MiB private, faults", In::Every),
    ("unmap 64 MiB private, per page", In::Every),
    ("touch 64 MiB by small pages, per page", In::Every),
    ("touch 64 MiB by small pages, faults", In::Every),
    ("unmap 64 MiB of small pages, per page", In::Every),
    ("private write, per page", In::Every),
    ("fork with 64 MiB mapped", In::Every),
    ("touch every page of the tree, per page", In::Every),
    (
        "touch every page of the tree, faults for 1000 pages",
        In::Every,
    ),
    ("touch every page of the tree, pages", In::Every),
    ("stat of every entry, cold", In::Every),
    ("stat of every entry, warm", In::Every),
    ("readdir of all, per entry, cold", In::Every),
    ("readdir of all, per entry, warm", In::Every),
    ("readdir of 10,000 names, cold", In::Every),
    ("readdir of 10,000 names, warm", In::Every),
    ("open, close, cold", In::Every),
    ("open, close, warm", In::Every),
    ("open, read, close of a small file, cold", In::Every),
    ("open, read, close of a small file, warm", In::Every),
    ("an absent name, first", In::Every),
    ("an absent name, again", In::Every),
    ("exec of /bin/true, cold", In::Every),
    ("exec of /bin/true, warm", In::Every),
    ("exec of /bin/true, faults", In::Every),
    ("python3 -c pass, cold", In::Every),
    ("python3 -c pass, warm", In::Every),
    ("python3 -c pass, faults", In::Every),
    ("exec of /bin/true through overlayfs, cold", In::Every),
    ("exec of /bin/true through overlayfs, warm", In::Every),
    ("exec of /bin/true through overlayfs, faults", In::Every),
    ("python3 -c pass through overlayfs, cold", In::Every),
    ("python3 -c pass through overlayfs, warm", In::Every),
    ("python3 -c pass through overlayfs, faults", In::Every),
    ("4 processes with 64 MiB private, kB charged", In::Every),
    ("4 processes with 64 MiB private, kB less free", In::Every),
    ("4 python3 kept alive, kB charged", In::Every),
    ("4 python3 kept alive, kB less free", In::Every),
    ("memory after stat of every entry, kB charged", In::Images),
    ("memory after stat of every entry, kB less free", In::Images),
    ("memory after reading every file, kB charged", In::Images),
    ("memory after reading every file, kB less free", In::Images),
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
        let artifacts = Artifacts::build(Configuration::Plain)?;
        let dir = step("making the tree", subject)?;
        let image = step("making the daxfs image", || {
            image::build(&artifacts, &dir, "bench")
        })?;
        let peers = vec![
            step("making the EROFS image", || peers::erofs(&dir, "bench"))?,
            step("making the ext4 image", || peers::ext4(&dir, "bench"))?,
        ];
        let machine = Machine {
            peers,
            ..Machine::new(
                &artifacts,
                initramfs::make("bench", &artifacts, None)?,
                Placed::Reserved(image),
                Processor::Counting,
            )
        };
        let mut arguments = vec!["suite=bench".to_owned()];
        arguments.extend(self.filter.iter().map(|filter| format!("filter={filter}")));
        let report = step("measuring", || {
            console::watch(&mut machine.command(&arguments)?, LIMIT, LIMIT)
        })?;
        if let Some(trouble) = report.trouble {
            bail!("{trouble}; the console:\n{}", report.console);
        }
        let rows = rows(&report.notes);
        print(&rows);
        let missing = missing(&rows, self.filter.as_deref().unwrap_or_default());
        ensure!(missing.is_empty(), "not measured: {}", missing.join("; "));
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

/// The figures of a row, by column.
type Row<'a> = (&'a str, BTreeMap<&'a str, f64>);

/// What the guest measured, the rows where others are better first.
fn rows(notes: &[String]) -> Vec<Row<'_>> {
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
    rows
}

/// The figures that should be there and are not, and rows that the list does not have.
fn missing(rows: &[Row<'_>], filter: &str) -> Vec<String> {
    let figure = |name: &str, column: &str| {
        let row = rows.iter().find(|(row, _)| *row == name);
        row.is_some_and(|(_, values)| values.contains_key(column))
    };
    let mut missing = Vec::new();
    for (name, columns) in ROWS.iter().filter(|(name, _)| name.contains(filter)) {
        let wanted = COLUMNS.iter().filter(|column| columns.includes(column));
        let absent = wanted.filter(|column| !figure(name, column));
        missing.extend(absent.map(|column| format!("{name} of {column}")));
    }
    let unknown = rows
        .iter()
        .filter(|(name, _)| !ROWS.iter().any(|(known, _)| known == name));
    missing.extend(unknown.map(|(name, _)| format!("{name}, which is no row")));
    missing
}

/// Prints a line for each row.
fn print(rows: &[Row<'_>]) {
    println!("| row | {} | ours / best other |", COLUMNS.join(" | "));
    println!("|---|{}", "--:|".repeat(COLUMNS.len() + 1));
    for (row, values) in rows {
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
    fn a_figure_that_is_not_there_is_missed() {
        let note = |row: &str, column: &str| format!("1|{row}|{column}|5");
        let all: Vec<String> = ROWS
            .iter()
            .flat_map(|(row, columns)| {
                let columns = COLUMNS.iter().filter(|column| columns.includes(column));
                columns.map(|column| note(row, column))
            })
            .collect();
        assert_eq!(missing(&rows(&all), ""), [""; 0]);
        let without: Vec<String> = all
            .iter()
            .filter(|line| **line != note("mount", "erofs"))
            .cloned()
            .collect();
        assert_eq!(missing(&rows(&without), ""), ["mount of erofs"]);
        assert_eq!(missing(&rows(&without), "python3"), [""; 0]);
        let more = [note("sleep", "daxfs")];
        assert_eq!(missing(&rows(&more), "sleep"), ["sleep, which is no row"]);
    }

    #[test]
    fn a_row_stands_by_the_best_of_the_others() {
        let values = BTreeMap::from([("daxfs", 6.0), ("tmpfs", 3.0), ("erofs", 4.0)]);
        assert!((standing(&values) - 2.0).abs() < 1e-9);
        assert!(standing(&BTreeMap::from([("daxfs", 6.0)])) == 0.0);
    }
}
