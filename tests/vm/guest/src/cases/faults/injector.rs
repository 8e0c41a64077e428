// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making allocations of this process fail.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use libc::c_long;

use crate::klog::KernelLog;
use crate::sys::read_text;

/// The settings of fault injection.
const SLAB: &str = "/sys/kernel/debug/failslab";

const PAGES: &str = "/sys/kernel/debug/fail_page_alloc";

/// Fault injection into the allocations of this thread.
pub(super) struct Injector {
    file: File,
    pub(super) log: KernelLog,
}

impl Injector {
    pub(super) fn new() -> Result<Self> {
        for directory in [SLAB, PAGES] {
            set(directory, "verbose", "0")?;
            // Every allocation, not only those that may not wait.
            set(directory, "ignore-gfp-wait", "N")?;
            spare(directory, "arch_add_memory")?;
        }
        every_page()?;
        let path = "/proc/thread-self/fail-nth";
        let file = OpenOptions::new().read(true).write(true).open(path);
        Ok(Self {
            file: file.with_context(|| format!("cannot open {path}"))?,
            log: KernelLog::follow()?,
        })
    }

    /// Calls `act` with the failure of allocation `nth`. Returns its result or error number, and
    /// true if that allocation was reached.
    pub(super) fn attempt(
        &self,
        nth: u32,
        act: &mut dyn FnMut() -> c_long,
    ) -> Result<(Result<c_long, i32>, bool)> {
        self.file.write_all_at(nth.to_string().as_bytes(), 0)?;
        let result = act();
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        let mut left = [0; 16];
        let length = self.file.read_at(&mut left, 0)?;
        self.file.write_all_at(b"0", 0)?;
        let left = String::from_utf8_lossy(left.get(..length).unwrap_or_default());
        let failed = left.trim() == "0";
        let result = if result == -1 { Err(error) } else { Ok(result) };
        Ok((result, failed))
    }
}

fn set(directory: &str, name: &str, value: &str) -> Result<()> {
    let path = format!("{directory}/{name}");
    fs::write(&path, value).with_context(|| format!("cannot write {path}"))
}

/// Includes allocations of single pages.
fn every_page() -> Result<()> {
    set(PAGES, "ignore-gfp-highmem", "N")?;
    set(PAGES, "min-order", "0")
}

/// Excludes the allocations of a function of the kernel. A mount adds memory, and the kernel cannot
/// undo that: it warns, or follows a null pointer.
fn spare(directory: &str, function: &str) -> Result<()> {
    let (start, end) = code_of(function)?;
    set(directory, "reject-start", &start.to_string())?;
    set(directory, "reject-end", &end.to_string())
}

/// Returns the addresses at which the code of a function of the kernel begins and ends.
fn code_of(function: &str) -> Result<(u64, u64)> {
    let symbols = read_text("/proc/kallsyms")?;
    let address = |line: &str| -> Option<(u64, String)> {
        let mut words = line.split_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        Some((address, words.nth(1)?.to_owned()))
    };
    let mut all: Vec<_> = symbols.lines().filter_map(address).collect();
    all.sort();
    let found = all.iter().find(|(_, name)| name == function);
    let start = found
        .with_context(|| format!("the kernel has no {function}"))?
        .0;
    let end = all
        .iter()
        .map(|(address, _)| *address)
        .find(|&end| end > start);
    let end = end.with_context(|| format!("{function} has no end"))?;
    Ok((start, end))
}

/// Failure of every page table allocation of this thread, until it is dropped. Pages that are set
/// aside before a fault reaches the file system are not affected.
pub(super) struct NoTables {
    file: File,
    pub(super) log: KernelLog,
}

impl NoTables {
    pub(super) fn begin() -> Result<Self> {
        let log = KernelLog::follow()?;
        let (start, end) = code_of("__pte_alloc")?;
        every_page()?;
        for (name, value) in [
            ("verbose", "0"),
            ("ignore-gfp-wait", "N"),
            ("require-start", &start.to_string()),
            ("require-end", &end.to_string()),
            ("task-filter", "Y"),
            ("times", "-1"),
            ("probability", "100"),
        ] {
            set(PAGES, name, value)?;
        }
        let path = "/proc/thread-self/make-it-fail";
        let file = OpenOptions::new().write(true).open(path);
        let file = file.with_context(|| format!("cannot open {path}"))?;
        file.write_all_at(b"1", 0)?;
        Ok(Self { file, log })
    }
}

impl Drop for NoTables {
    fn drop(&mut self) {
        // If this fails, the following cases fail too.
        let _ = self.file.write_all_at(b"0", 0);
        for (name, value) in [
            ("probability", "0"),
            ("require-start", "0"),
            ("require-end", &u64::MAX.to_string()),
        ] {
            let _ = set(PAGES, name, value);
        }
    }
}
