// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings that the sanitizer kernel does not print: unreferenced memory, and a disabled lock
//! checker.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use crate::sys;
use crate::sys::read_text;

/// The leak detector.
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// The detector ignores memory that is younger than five seconds.
const AGE: Duration = Duration::from_millis(5500);

/// Returns true if this kernel has the detector.
pub(crate) fn are_found() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// The file system of the leak detector and of fault injection.
const DEBUGFS: &str = "/sys/kernel/debug";

/// Discards leaks from before the module was loaded.
pub(crate) fn begin() -> Result<()> {
    if Path::new(DEBUGFS).is_dir() {
        sys::mount("none", DEBUGFS, "debugfs", 0, "").context("cannot mount debugfs")?;
    }
    if are_found() {
        search()?;
        order("clear")?;
    }
    Ok(())
}

/// Returns the report of the detector. It reports memory at the second scan that finds it lost and
/// unchanged.
fn search() -> Result<String> {
    sleep(AGE);
    for _ in 0..2 {
        order("scan")?;
    }
    read_text(KMEMLEAK)
}

/// Fails if memory has leaked or locks are no longer checked.
///
/// Memory that moves between two owners may seem lost, so a finding counts if a second search
/// confirms it.
pub(crate) fn expect_none() -> Result<()> {
    if !search()?.is_empty() {
        let found = search()?;
        if !found.is_empty() {
            let objects = found.matches("unreferenced object").count();
            let start: Vec<&str> = found.lines().take(60).collect();
            bail!("{objects} objects leaked: {}", start.join("\n"));
        }
    }
    let locks = read_text("/proc/lockdep_stats")?;
    let line = locks.lines().find(|line| line.contains("debug_locks:"));
    let line = line.context("lockdep does not say whether it works")?;
    ensure!(
        line.trim_end().ends_with(" 1"),
        "lockdep has stopped: {line}"
    );
    Ok(())
}

fn order(word: &str) -> Result<()> {
    fs::write(KMEMLEAK, word).with_context(|| format!("cannot {word} by {KMEMLEAK}"))
}
