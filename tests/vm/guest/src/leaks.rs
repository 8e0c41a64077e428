// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel that looks for mistakes has found without saying so: memory that nothing points at,
//! and that it has stopped watching locks.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};

use crate::sys;
use crate::sys::read_text;

/// The leak detector.
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// The detector takes no memory for lost that is younger than five seconds.
const AGE: Duration = Duration::from_millis(5500);

/// Whether this kernel has the detector.
pub(crate) fn are_found() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// Where the detector and what makes allocations fail are.
const DEBUGFS: &str = "/sys/kernel/debug";

/// Forgets what has leaked so far, which has nothing to do with the module.
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

/// Returns what the detector reports. It reports nothing at the first scan that finds it lost, only at one that
/// finds it unchanged since the one before.
fn search() -> Result<String> {
    sleep(AGE);
    for _ in 0..2 {
        order("scan")?;
    }
    read_text(KMEMLEAK)
}

/// Fails if memory has leaked or locks are not watched any more.
///
/// Memory that is on its way between two owners may look lost, so a finding counts if it is there after a
/// second search as well.
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
