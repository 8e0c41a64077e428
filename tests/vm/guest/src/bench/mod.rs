// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cost of operations on the image and on other file systems.
//!
//! The clock of this guest counts instructions. Each column is mounted alone, measured, and
//! unmounted, so that no column profits from the caches of another one.
//!
//! | module | rows |
//! |---|---|
//! | [`files`] | reading, looking up, listing |
//! | [`maps`] | mapping, forking |
//! | [`memory`] | memory of processes, inodes and contents |
//! | [`programs`] | starting programs |

mod files;
mod maps;
mod memory;
mod programs;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use daxfs_vm_protocol::measurement::MOUNT_COLUMNS;
use daxfs_vm_protocol::Cell;

use crate::cases::Case;
use crate::image::{mount_image, phys, MOUNT};
use crate::sys;

pub(crate) const CASES: &[Case] = &[("costs", run)];

/// The mount point of the file system under measurement.
const ROOT: &str = "/tmp/column";

/// A file system, as mount(2) takes it.
struct Column {
    name: &'static str,
    source: &'static str,
    kind: &'static str,
    options: String,
    flags: u64,
}

impl Column {
    fn of(name: &'static str) -> Result<Self> {
        let (source, kind, options) = match name {
            "daxfs" => ("none", "daxfs", &*format!("phys={}", phys())),
            "erofs-dax" => ("/dev/pmem0", "erofs", "dax"),
            "erofs" => ("/dev/pmem0", "erofs", ""),
            "erofs-share" => ("/dev/pmem2", "erofs", "inode_share,domain_id=bench"),
            "ext4-dax" => ("/dev/pmem1", "ext4", "dax"),
            "tmpfs" | "tmpfs-huge" => ("none", "tmpfs", "size=2G"),
            _ => bail!("no column is called {name}"),
        };
        Ok(Self {
            name,
            source,
            kind,
            options: options.to_owned(),
            flags: if kind == "tmpfs" { 0 } else { libc::MS_RDONLY },
        })
    }
}

/// The figures of one column. They are printed at the end, since the process that reads them runs
/// on the same processor.
struct Figures {
    column: &'static str,
    cells: RefCell<Vec<String>>,
}

impl Figures {
    /// Adds a figure.
    fn tell(&self, row: &str, value: i64) {
        let cell = Cell {
            table: "costs",
            row,
            column: self.column,
            value: &value.to_string(),
        };
        self.cells.borrow_mut().push(cell.to_string());
    }
}

/// Measures every column.
fn run() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    fs::create_dir_all(ROOT)?;
    memory::set_up()?;
    let mut cells = Vec::new();
    for name in MOUNT_COLUMNS {
        let column = Column::of(name)?;
        cells.extend(measure(&column).with_context(|| format!("cannot measure {name}"))?);
    }
    cells.iter().for_each(|cell| println!("{cell}"));
    Ok(())
}

fn measure(column: &Column) -> Result<Vec<String>> {
    let figures = Figures {
        column: column.name,
        cells: RefCell::default(),
    };
    mount(column, &figures)?;
    files::measure(&figures).context("cannot measure files")?;
    maps::measure(&figures).context("cannot measure mappings")?;
    programs::measure(&figures).context("cannot measure programs")?;
    memory::measure(&figures).context("cannot measure memory")?;
    sys::unmount(ROOT, 0).context("cannot unmount")?;
    Ok(figures.cells.into_inner())
}

fn mount(column: &Column, figures: &Figures) -> Result<()> {
    let Column {
        source,
        kind,
        options,
        flags,
        ..
    } = column;
    let once = |options: &str| -> Result<i64> {
        let (cost, result) = cost(|| sys::mount(source, ROOT, kind, *flags, options));
        result.with_context(|| format!("cannot mount {}", column.name))?;
        Ok(cost)
    };
    once(options)?;
    if *kind == "tmpfs" {
        fill()?;
        return match column.name {
            "tmpfs-huge" => make_huge(),
            _ => Ok(()),
        };
    }
    sys::unmount(ROOT, 0)?;
    figures.tell("mount", once(options)?);
    if *kind == "daxfs" {
        sys::unmount(ROOT, 0)?;
        figures.tell("mount with validate", once(&format!("{options},validate"))?);
        sys::unmount(ROOT, 0)?;
        once(options)?;
    }
    Ok(())
}

/// Fills the tmpfs with what the image holds.
fn fill() -> Result<()> {
    mount_image()?;
    shell(&format!(
        "cd {MOUNT} && /bin/busybox tar cf - . | /bin/busybox tar xf - -C {ROOT}"
    ))?;
    sys::unmount(MOUNT, 0)
}

/// Copies the files of 2 MiB or more again, with `huge=always`. A tree that is filled with this
/// option takes 2 MiB for each file.
fn make_huge() -> Result<()> {
    shell(&format!(
        "cd {ROOT} && /bin/busybox mount -o remount,huge=always {ROOT} &&
        /bin/busybox find . -xdev -type f -size +2047k | while read -r file; do
            /bin/busybox cp -p \"$file\" \"$file.huge\" && /bin/busybox mv \"$file.huge\" \"$file\" || exit 1
        done"
    ))
}

fn shell(script: &str) -> Result<()> {
    let status = std::process::Command::new("/bin/busybox")
        .args(["sh", "-c", script])
        .status()?;
    anyhow::ensure!(status.success(), "cannot copy the tree: {status}");
    Ok(())
}

/// Returns the instructions that `work` takes, and its result.
fn cost<T>(work: impl FnOnce() -> T) -> (i64, T) {
    let start = Instant::now();
    let result = work();
    (
        i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX),
        result,
    )
}

/// Forgets cached inodes, names and pages.
fn drop_caches() -> Result<()> {
    sys::free_caches(Duration::from_millis(200))
}

/// Stats every entry, and calls `work` with path and length of every regular file.
fn walk(mut work: impl FnMut(PathBuf, u64) -> Result<()>) -> Result<()> {
    let mut left = vec![PathBuf::from(ROOT)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_dir() {
                left.push(entry.path());
            } else if found.is_file() {
                work(entry.path(), found.len())?;
            }
        }
    }
    Ok(())
}
