// SPDX-License-Identifier: MIT OR Apache-2.0
//! What things cost, on the image and on file systems beside it.
//!
//! The clock of this guest counts instructions. Each column is mounted alone, measured, and taken
//! away, so that what one leaves in memory does not help another.
//!
//! | module | rows |
//! |---|---|
//! | [`files`] | reading, looking up, listing |
//! | [`maps`] | mapping, forking |
//! | [`memory`] | what memory processes, inodes and contents take |
//! | [`programs`] | starting programs |

mod files;
mod maps;
mod memory;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::init::{mount_image, phys, MOUNT};
use crate::sys;

/// Where the file system under measurement is.
const ROOT: &str = "/tmp/column";

/// A column of the table.
#[derive(Clone, Copy)]
struct Column {
    name: &'static str,
    source: &'static str,
    kind: &'static str,
    options: &'static str,
}

const COLUMNS: [Column; 5] = [
    Column {
        name: "daxfs",
        source: "none",
        kind: "daxfs",
        options: "",
    },
    Column {
        name: "erofs-dax",
        source: "/dev/pmem0",
        kind: "erofs",
        options: "dax",
    },
    Column {
        name: "erofs",
        source: "/dev/pmem0",
        kind: "erofs",
        options: "",
    },
    Column {
        name: "ext4-dax",
        source: "/dev/pmem1",
        kind: "ext4",
        options: "dax",
    },
    Column {
        name: "tmpfs",
        source: "none",
        kind: "tmpfs",
        options: "size=2G",
    },
];

/// The figures of one column.
struct Figures<'a> {
    column: &'a str,
    filter: &'a str,
}

impl Figures<'_> {
    /// Tells the host a figure. Rows are printed in the order of `number` where nothing else decides.
    fn tell(&self, number: u32, row: &str, value: i64) {
        if row.contains(self.filter) {
            println!("daxfs-guest: note {number}|{row}|{}|{value}", self.column);
        }
    }
}

/// Measures every column.
pub(crate) fn run(filter: &str) -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    fs::create_dir_all(ROOT)?;
    memory::set_up()?;
    for column in COLUMNS {
        measure(column, filter).with_context(|| format!("cannot measure {}", column.name))?;
    }
    Ok(())
}

fn measure(column: Column, filter: &str) -> Result<()> {
    let figures = Figures {
        column: column.name,
        filter,
    };
    mount(column, &figures)?;
    files::measure(&figures).context("cannot measure files")?;
    maps::measure(&figures).context("cannot measure mappings")?;
    programs::measure(&figures).context("cannot measure programs")?;
    memory::measure(&figures).context("cannot measure memory")?;
    sys::unmount(ROOT, 0).context("cannot unmount")
}

fn mount(column: Column, figures: &Figures<'_>) -> Result<()> {
    let own = format!("phys={}", phys());
    let options = if column.kind == "daxfs" {
        own.as_str()
    } else {
        column.options
    };
    let flags = if column.kind == "tmpfs" {
        0
    } else {
        libc::MS_RDONLY
    };
    let once = |options: &str| -> Result<i64> {
        let (cost, result) = cost(|| sys::mount(column.source, ROOT, column.kind, flags, options));
        result.with_context(|| format!("cannot mount {}", column.name))?;
        Ok(cost)
    };
    once(options)?;
    if column.kind == "tmpfs" {
        return fill();
    }
    sys::unmount(ROOT, 0)?;
    figures.tell(0, "mount", once(options)?);
    if column.kind == "daxfs" {
        sys::unmount(ROOT, 0)?;
        figures.tell(
            1,
            "mount with validate",
            once(&format!("{options},validate"))?,
        );
        sys::unmount(ROOT, 0)?;
        once(options)?;
    }
    Ok(())
}

/// Fills the tmpfs with what the image holds.
fn fill() -> Result<()> {
    mount_image()?;
    let script = format!("cd {MOUNT} && /bin/busybox tar cf - . | /bin/busybox tar xf - -C {ROOT}");
    let status = std::process::Command::new("/bin/busybox")
        .args(["sh", "-c", &script])
        .status()?;
    anyhow::ensure!(status.success(), "cannot copy the tree: {status}");
    sys::unmount(MOUNT, 0)
}

/// The instructions that `work` takes, and what it returns.
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
    // What is forgotten is freed after a grace period; the second round finds what the first freed.
    for _ in 0..2 {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Looks at every entry, and does `work` with every regular file, whose length it gets.
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
