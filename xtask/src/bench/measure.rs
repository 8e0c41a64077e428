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

/// Time that a program took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Time on the clock.
    pub wall: Duration,
    /// Time on all processors, in user and kernel mode, to 10 ms.
    pub cpu: Duration,
}

/// Runs `command` and returns its time.
///
/// # Errors
/// When it cannot be started or fails. Its output is part of the error.
pub(super) fn time(command: &mut Command) -> Result<Cost> {
    let before = children_time()?;
    let start = Instant::now();
    process::capture(command)?;
    Ok(Cost {
        wall: start.elapsed(),
        cpu: children_time()?.saturating_sub(before),
    })
}

/// Returns the processor time of all children that have ended, from `/proc/self/stat`.
fn children_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    let ticks = children_ticks(&stat).context("/proc/self/stat has another form")?;
    let second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_nanos(
        ticks.saturating_mul(1_000_000_000) / second.max(1),
    ))
}

/// Returns the sum of `cutime` and `cstime`, see proc_pid_stat(5).
fn children_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(13).map(str::parse::<u64>);
    Some(ticks.next()?.ok()? + ticks.next()?.ok()?)
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

/// Returns the median of the ratios of times that were measured in the same round.
pub(super) fn median_ratio(ours: &[Duration], others: &[Duration]) -> f64 {
    let rounds = ours.iter().zip(others);
    let mut ratios: Vec<f64> = rounds
        .map(|(ours, other)| ours.as_secs_f64() / other.as_secs_f64())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
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
    fn processor_time_of_children_is_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 700 800 20 0 1";
        assert_eq!(children_ticks(stat), Some(1500));
        assert_eq!(children_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn the_median_is_not_moved_by_one_outlier() {
        let times = [9, 1, 2, 1000, 3].map(Duration::from_millis);
        assert_eq!(median(&times), Duration::from_millis(3));
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn ratios_are_those_of_one_round() {
        let ours = [10, 90, 12].map(Duration::from_millis);
        let others = [20, 180, 20].map(Duration::from_millis);
        assert!((median_ratio(&ours, &others) - 0.5).abs() < 1e-9);
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
