// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel log, followed inside the guest by cases that cause more messages than the console can
//! print. The console is turned down, and signs of trouble are searched for here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{bail, ensure, Context, Result};

use crate::sys;

/// The beginning of the module's messages.
const OURS: &str = "daxfs: ";

/// The level of a warning; what is worse has a lower number.
const WARNING: u32 = 4;

/// Records that a slow machine may cause, and the record of suppressed messages.
const HARMLESS: &[&str] = &[
    "interrupt took",
    "clocksource",
    "TSC found unstable",
    "sched_clock",
    "hrtimer",
    "perf:",
    "callbacks suppressed",
];

/// Signs of bugs of the kernel.
const BUGS: &[&str] = &[
    "BUG",
    "WARNING:",
    "possible ",
    "INFO:",
    "refcount_t",
    "still referenced",
];

/// The kernel log from its opening on.
pub(crate) struct KernelLog {
    file: File,
    taken: u64,
}

impl KernelLog {
    /// Opens the log, and keeps messages off the console until a panic, which then shows them.
    pub(crate) fn follow() -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("cannot open /dev/kmsg")?;
        sys::seek(&file, 0, libc::SEEK_END)?;
        let replay = "/sys/module/kernel/parameters/panic_console_replay";
        fs::write(replay, "1").with_context(|| format!("cannot write {replay}"))?;
        set_console_level(1)?;
        Ok(Self { file, taken: 0 })
    }

    /// Returns the messages of the module since the last call. Fails on warnings and errors of
    /// others, and on lost records.
    pub(crate) fn take(&mut self) -> Result<Vec<String>> {
        let mut ours = Vec::new();
        self.each(|level, text| {
            if let Some(message) = text.strip_prefix(OURS) {
                ours.push(message.trim_end().to_owned());
                return Ok(());
            }
            let fine = level > WARNING || HARMLESS.iter().any(|sign| text.contains(sign));
            ensure!(fine, "the kernel logged: {text}");
            Ok(())
        })?;
        self.taken += u64::try_from(ours.len())?;
        Ok(ours)
    }

    /// Writes a line to the console, since the host stops silent guests.
    pub(crate) fn say(&self, words: &str) -> Result<()> {
        fs::write("/dev/console", format!("{words}\n")).context("cannot write to the console")
    }

    /// Calls `judge` with level and text of each record since the last call.
    fn each(&mut self, mut judge: impl FnMut(u32, &str) -> Result<()>) -> Result<()> {
        let mut record = [0; 8192];
        loop {
            let length = match self.file.read(&mut record) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {
                    bail!("the kernel's log was overwritten before it was read")
                }
                Err(error) => return Err(error).context("cannot read /dev/kmsg"),
            };
            let record = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
            let (head, text) = record.split_once(';').context("a record without a text")?;
            let priority = head.split(',').next().unwrap_or_default();
            let priority: u32 = priority.parse().context("a record without a level")?;
            judge(priority & 7, text)?;
        }
    }

    /// Reads the records since the last call, and fails on signs of bugs. Failing allocations cause
    /// many other records.
    pub(crate) fn expect_no_bug(&mut self) -> Result<()> {
        self.each(|_, text| {
            let bug = BUGS.iter().any(|sign| text.contains(sign));
            ensure!(!bug, "the kernel logged: {text}");
            Ok(())
        })
    }

    /// Returns the number of messages of the module so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
}

impl Drop for KernelLog {
    fn drop(&mut self) {
        // If this fails, the next case is silent, and the host ends the run.
        let _ = set_console_level(6);
    }
}

/// Shows records below `level` on the console.
fn set_console_level(level: usize) -> Result<()> {
    const CONSOLE_LEVEL: usize = 8;
    sys::syscall(libc::SYS_syslog, [CONSOLE_LEVEL, 0, level, 0, 0]).map(drop)
}
