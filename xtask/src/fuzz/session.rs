// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run of one target.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{kill_process, Pid, Signal};

use super::lines::Lines;
use super::progress::Outcome;
use super::Target;
use crate::workspace;

/// The exit status of libFuzzer when it was interrupted.
const INTERRUPTED: i32 = 72;
/// The interval between printed results.
const NEWS: Duration = Duration::from_secs(30);

/// The target's program with the options of every run.
///
/// # Errors
/// When the directory for its trees cannot be created.
pub(super) fn command(target: &Target) -> Result<Command> {
    let mut command = Command::new(&target.program);
    command.arg(format!("-artifact_prefix={}/", target.defects.display()));
    // Wall-clock time, so the limit is long for busy machines.
    command.arg("-timeout=120");
    if let Some(dictionary) = &target.dictionary {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // Trees are made in memory where that is possible.
    command.env("TMPDIR", workspace::tree_dir()?);
    Ok(command)
}

/// Runs the target for so many seconds of processor time.
///
/// # Errors
/// When it cannot be run. A defect is not an error of the run.
pub(super) fn run(target: &Target, seconds: u64) -> Result<Outcome> {
    let before = defects(target)?;
    let mut command = command(target)?;
    command.args(["-print_final_stats=1", "-print_pcs=1"]);
    command.args([&target.found, &target.kept, &target.seeds]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", target.program.display()))?;
    let mut outcome = Outcome::of(&target.name);
    let lines = Lines::of(&target.program);
    let followed = watch(&mut child, seconds, &lines, &mut outcome);
    if followed.is_err() {
        // Without a reader the run would never be interrupted.
        child.kill()?;
    }
    let status = child.wait()?;
    let last = followed?;
    outcome.defects = defects(target)?.saturating_sub(before);
    let is_end = status.success() || status.code() == Some(INTERRUPTED);
    if !is_end || outcome.defects > 0 {
        outcome.defects = outcome.defects.max(1);
        println!("{}: {status}\n{}", target.name, last.join("\n"));
        println!(
            "{}: inputs are in {}",
            target.name,
            target.defects.display()
        );
    }
    Ok(outcome)
}

/// Reads the output of a run until it ends, and interrupts it after its time. Returns the last
/// lines.
fn watch(
    child: &mut Child,
    seconds: u64,
    own: &Lines,
    outcome: &mut Outcome,
) -> Result<Vec<String>> {
    let (send, lines) = mpsc::channel();
    if let Some(stderr) = child.stderr.take() {
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                // The receiver is gone after an error.
                let _ = send.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
    let limit = Duration::from_secs(seconds).as_secs_f64();
    let (mut last, mut printed, mut time) = (Vec::new(), Instant::now(), 0.0);
    let mut interrupted = false;
    loop {
        let line = lines.recv_timeout(Duration::from_secs(1));
        time = processor_time(child.id()).unwrap_or(time);
        match line {
            Ok(line) => {
                outcome.line(&line, time);
                keep(&mut last, line);
            }
            Err(RecvTimeoutError::Timeout) => outcome.line("", time),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if printed.elapsed() > NEWS {
            outcome.settle(|edges| own.are_own(edges))?;
            println!("{outcome}");
            printed = Instant::now();
        }
        if seconds > 0 && time >= limit && !interrupted {
            interrupted = true;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            // It may have ended by itself.
            let _ = pid.map(|pid| kill_process(pid, Signal::INT));
        }
    }
    outcome.settle(|edges| own.are_own(edges))?;
    Ok(last)
}

/// Keeps the last lines.
fn keep(last: &mut Vec<String>, line: String) {
    const LINES: usize = 40;
    last.push(line);
    if last.len() > LINES {
        last.remove(0);
    }
}

/// The processor time of a process in seconds, of all its threads.
fn processor_time(process: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may contain any bytes.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).take(2);
    let mut next = || times.next()?.parse::<u32>().ok();
    let ticks = f64::from(next()?) + f64::from(next()?);
    let rate = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(ticks / f64::from(rate))
}

fn defects(target: &Target) -> Result<u64> {
    let files = fs::read_dir(&target.defects)?;
    Ok(u64::try_from(files.count())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_takes_time() {
        let before = processor_time(std::process::id()).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        let after = processor_time(std::process::id()).unwrap();
        assert!(after > before, "{before} to {after}");
    }
}
