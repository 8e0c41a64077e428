// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench mount`: the cost of reading, mapping and running from a mount, in one guest,
//! beside EROFS (with DAX, by the page cache, and by a page cache that images share), ext4 with
//! DAX, and tmpfs (with small and with huge pages), from the same tree.
//!
//! The guest's clock counts instructions, so the figures do not depend on the load of the host.
//! They are not times: caches and memory cost nothing there.

use anyhow::{ensure, Result};
use daxfs_vm_protocol::measurement::MOUNT_COLUMNS;
use daxfs_vm_protocol::Cell;

use super::comparison::Comparison;
use super::run;
use crate::kernel::config::Configuration;
use crate::kernel::step::step;
use crate::qemu::artifacts::Artifacts;
use crate::qemu::files::Files;
use crate::qemu::machine::Processor;
use crate::qemu::report::Note;

/// The columns that have a figure in a row.
enum In {
    /// All.
    Every,
    /// All but tmpfs, which has no image.
    Images,
    /// The product's alone.
    Ours,
}

impl In {
    fn includes(&self, column: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Images => !column.starts_with("tmpfs"),
            Self::Ours => column == "daxfs",
        }
    }
}

/// The rows of the table. A run that lacks a figure fails, so that no row disappears unnoticed.
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
        let mut files = Files::new(Artifacts::build(Configuration::Plain)?);
        let outcome = step("measuring", || {
            run("bench", &mut files, |session, _| {
                for machine in &mut session.machines {
                    machine.processor = Processor::Counting;
                }
            })
        })?;
        let filter = self.filter.as_deref().unwrap_or_default();
        let notes = outcome.reports.iter().flat_map(|report| &report.notes);
        let figures = figures(notes, filter);
        figures.print("row");
        let missing = missing(&figures, filter);
        ensure!(missing.is_empty(), "not measured: {}", missing.join("; "));
        Ok(())
    }
}

/// Returns the figures that the guest has measured, of rows whose name contains `filter`.
fn figures<'a>(notes: impl Iterator<Item = &'a Note>, filter: &str) -> Comparison {
    let mut table = Comparison::new(&MOUNT_COLUMNS);
    let cells: Vec<_> = notes.filter_map(|note| Cell::parse(&note.text)).collect();
    for cell in cells.iter().filter(|cell| cell.row.contains(filter)) {
        if let Ok(value) = cell.value.parse() {
            table.set(cell.row, cell.column, value);
        }
    }
    table
}

/// Returns the figures that are missing, and the rows that are not in the list.
fn missing(table: &Comparison, filter: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, columns) in ROWS.iter().filter(|(name, _)| name.contains(filter)) {
        let wanted = MOUNT_COLUMNS
            .iter()
            .filter(|column| columns.includes(column));
        let absent = wanted.filter(|column| table.get(name, column).is_none());
        missing.extend(absent.map(|column| format!("{name} of {column}")));
    }
    let known = |name: &str| ROWS.iter().any(|(known, _)| *known == name);
    let unknown = table.rows().filter(|name| !known(name));
    missing.extend(unknown.map(|name| format!("{name}, which is not a row")));
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(row: &str, column: &str) -> Note {
        Note {
            case: "costs".to_owned(),
            text: format!("cell|costs|{row}|{column}|5"),
        }
    }

    #[test]
    fn a_missing_figure_is_reported() {
        let mut all = Vec::new();
        for (row, columns) in ROWS {
            let columns = MOUNT_COLUMNS
                .iter()
                .filter(|column| columns.includes(column));
            all.extend(columns.map(|column| note(row, column)));
        }
        let missing = |notes: &[Note], filter| missing(&figures(notes.iter(), filter), filter);
        assert_eq!(missing(&all, ""), [""; 0]);
        assert_eq!(missing(&all, "python3"), [""; 0]);
        all.retain(|other| *other != note("mount", "erofs"));
        assert_eq!(missing(&all, ""), ["mount of erofs"]);
        assert_eq!(missing(&all, "python3"), [""; 0]);
        let more = [note("sleep", "daxfs")];
        assert_eq!(missing(&more, "sleep"), ["sleep, which is not a row"]);
    }
}
