// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages about long work: its start, its duration, and the end of its output on failure.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{bail, Context, Result};

use crate::process;

/// Size in bytes of the end of a failed command's log that is shown.
const LOG_TAIL: u64 = 6000;

/// Prints `what`, does the work, and prints its duration.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("{what} ...");
    let start = Instant::now();
    let result = work()?;
    eprintln!("{what}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(result)
}

/// Runs `command` with its output in the file `log`.
///
/// # Errors
/// When it fails; the error has the end of the output.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let errors = file.try_clone().context("cannot share the log file")?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .status()
        .with_context(|| format!("cannot start {}", process::describe(command)))?;
    if !status.success() {
        bail!(
            "{} failed: {status}; the end of {}:\n{}",
            process::describe(command),
            log.display(),
            tail(log)?
        );
    }
    Ok(())
}

/// Returns the last [`LOG_TAIL`] bytes of a file.
fn tail(log: &Path) -> Result<String> {
    let mut file = File::open(log).with_context(|| format!("cannot open {}", log.display()))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
