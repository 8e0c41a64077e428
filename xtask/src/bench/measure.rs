// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running a program: wall time, memory, and the sync afterwards.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process;

/// Interval at which the memory of a running program is read.
const POLL: Duration = Duration::from_millis(1);

/// Peak memory of a program, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// Resident memory of any kind, pages of mapped files included.
    pub resident: u64,
    /// Resident anonymous memory: heap, stacks, and other memory of the process alone.
    pub anonymous: u64,
}

/// Runs `command` and returns its wall time.
///
/// # Errors
/// When it cannot be started or fails. Its output is part of the error.
pub(super) fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    process::capture(command)?;
    Ok(start.elapsed())
}

/// Runs `command` and returns its peak memory, read every [`POLL`].
///
/// # Errors
/// When it cannot be started or fails.
pub(super) fn memory(command: &mut Command) -> Result<Memory> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", process::describe(command)))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = Memory::default();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Ok(text) = fs::read_to_string(&status_file) {
            peak.resident = peak.resident.max(field(&text, "VmHWM:"));
            peak.anonymous = peak.anonymous.max(field(&text, "RssAnon:"));
        }
        thread::sleep(POLL);
    };
    process::expect_success(command, status)?;
    Ok(peak)
}

/// Returns a field of `/proc/PID/status` in bytes, or 0 once the process has none.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Syncs `path` to its device and returns the wall time.
///
/// # Errors
/// When the device reports an error.
pub(super) fn sync(path: &Path) -> Result<Duration> {
    let start = Instant::now();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    if file.metadata()?.is_dir() {
        // No call syncs the files of a directory; the whole file system is synced instead.
        rustix::fs::syncfs(&file)?;
    } else {
        file.sync_all()?;
    }
    Ok(start.elapsed())
}

/// Returns the median, the longer of the two middle durations where their number is even.
pub(super) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_fields_are_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nRssAnon:\t     100 kB\n";
        assert_eq!(field(status, "VmHWM:"), 2 * 1024 * 1024);
        assert_eq!(field(status, "RssAnon:"), 102_400);
        assert_eq!(field(status, "RssFile:"), 0);
    }

    #[test]
    fn the_median_is_not_moved_by_one_outlier() {
        let times = [9, 1, 2, 1000, 3].map(Duration::from_millis);
        assert_eq!(median(&times), Duration::from_millis(3));
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn memory_of_a_program_is_seen() {
        let mut command = Command::new("sleep");
        let peak = memory(command.arg("0.05")).unwrap();
        assert!(
            peak.resident >= peak.anonymous && peak.anonymous > 0,
            "{peak:?}"
        );
    }
}
