// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running guest and its console.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context, Result};
use daxfs_vm_protocol::suite::Limits;

use super::report::Report;

/// The time to read the rest of a message after a sign of trouble.
const AFTERMATH: Duration = Duration::from_secs(3);

/// Runs a guest until it powers off, fails, or exceeds a limit.
pub(super) fn watch(command: &mut Command, limits: Limits) -> Result<Report> {
    let mut guest = Guest::start(command)?;
    let mut report = Report::default();
    let deadline = Instant::now() + limits.whole;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = if report.trouble.is_some() {
            AFTERMATH
        } else {
            limits.silence
        };
        match guest.lines.recv_timeout(limit.min(left)) {
            Ok(line) => report.take(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let why = if left < limit {
                    "took too long"
                } else {
                    "fell silent"
                };
                report.fail(&format!("the guest {why}"));
                break;
            }
        }
    }
    guest.stop();
    report.conclude();
    Ok(report)
}

/// A running QEMU, stopped when dropped.
struct Guest {
    child: Child,
    lines: Receiver<String>,
}

impl Guest {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("cannot start qemu-system-x86_64")?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| anyhow!("QEMU has no output"))?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line)
                    .trim_end_matches('\r')
                    .to_owned();
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    fn stop(&mut self) {
        // A guest that has powered off has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a guest with the terminal as its console.
pub(super) fn attach(command: &mut Command) -> Result<()> {
    std::io::stdout().flush()?;
    let status = command
        .status()
        .context("cannot start qemu-system-x86_64")?;
    if !status.success() {
        bail!("qemu-system-x86_64 failed: {status}");
    }
    Ok(())
}
