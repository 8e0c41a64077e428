// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stages, their logs, and the final `N passed, N failed`.
//!
//! A stage is one counted case. The output of its programs goes to a log file, so that a good run
//! stays short. When a stage fails, its error and the end of its log are shown.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::AddAssign;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// Size in bytes of the end of a failed stage's log that is shown.
const LOG_TAIL: u64 = 16 * 1024;

/// Numbers of test cases that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Cases that passed.
    pub passed: u64,
    /// Cases that failed.
    pub failed: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The results of one stage: its log file, the cases it counted, and a note for its line.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    counts: Counts,
    failed: Vec<String>,
    note: String,
}

impl Log {
    /// Opens an empty log named after the stage.
    fn create(stage: &str) -> Result<Self> {
        let name: String = stage.chars().map(file_name_char).collect();
        let dir = workspace::scratch_dir()?.join("logs");
        fs::create_dir_all(&dir)?;
        let path = dir.join(format!("{name}.log"));
        let file = File::create(&path)
            .with_context(|| format!("cannot create the log {}", path.display()))?;
        Ok(Self {
            path,
            file,
            counts: Counts::default(),
            failed: Vec::new(),
            note: String::new(),
        })
    }

    /// Runs `command` with all its output going to the log.
    ///
    /// # Errors
    /// When it cannot be started or does not end with exit status 0.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        self.line(&format!("$ {}", process::describe(command)));
        command.stdout(self.stdio()?).stderr(self.stdio()?);
        process::run(command)
    }

    /// Runs `command`, with its output going to the log and each line of its standard output
    /// also to `on_line`.
    ///
    /// # Errors
    /// When it cannot be started or does not end with exit status 0.
    pub(crate) fn run_lines(
        &mut self,
        command: &mut Command,
        mut on_line: impl FnMut(&str),
    ) -> Result<()> {
        self.line(&format!("$ {}", process::describe(command)));
        command.stderr(self.stdio()?);
        process::each_line(command, |line| {
            self.line(line);
            on_line(line);
        })
    }

    /// Writes one line into the log.
    pub(crate) fn line(&mut self, text: &str) {
        // A log that cannot be written must not fail the stage it describes.
        let _ = writeln!(self.file, "{text}");
    }

    /// Counts cases that ran inside the stage, besides the stage itself.
    pub(crate) fn count(&mut self, counts: Counts) {
        self.counts += counts;
    }

    /// Names cases that failed inside the stage; they are named again at the end of the run.
    pub(crate) fn failed(&mut self, names: Vec<String>) {
        self.failed.extend(names);
    }

    /// Sets the note behind the stage's name.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.note = text.into();
    }

    fn stdio(&self) -> Result<Stdio> {
        Ok(Stdio::from(self.file.try_clone()?))
    }

    /// Returns the end of the log.
    fn tail(&self) -> Result<String> {
        let mut file = File::open(&self.path)?;
        let skip = file.metadata()?.len().saturating_sub(LOG_TAIL);
        file.seek(SeekFrom::Start(skip))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn file_name_char(c: char) -> char {
    if c.is_ascii_alphanumeric() {
        c
    } else {
        '-'
    }
}

/// The counts of a whole run, and the names of failed stages and cases.
#[derive(Default)]
pub(crate) struct Tally {
    counts: Counts,
    failures: Vec<String>,
}

impl Tally {
    /// Runs one stage, counts it, and prints its line. Returns true if it passed.
    pub(crate) fn stage(&mut self, name: &str, body: impl FnOnce(&mut Log) -> Result<()>) -> bool {
        let start = Instant::now();
        let (log, result) = match Log::create(name) {
            Ok(mut log) => {
                let result = body(&mut log);
                (Some(log), result)
            }
            Err(error) => (None, Err(error)),
        };
        let passed = result.is_ok();
        let note = log.as_ref().map_or("", |log| &log.note);
        let word = if passed { "ok    " } else { "FAILED" };
        println!(
            "{word} {:7.1} s  {name}{}{note}",
            start.elapsed().as_secs_f64(),
            separator(note)
        );
        if let Some(log) = &log {
            self.counts += log.counts;
        }
        match result {
            Ok(()) => self.counts.passed += 1,
            Err(error) => self.fail(name, &error, log.as_ref()),
        }
        passed
    }

    fn fail(&mut self, name: &str, error: &anyhow::Error, log: Option<&Log>) {
        self.counts.failed += 1;
        let inner = log.map_or(&[][..], |log| &log.failed);
        self.failures.push(name.to_owned());
        let inner = inner.iter().map(|case| format!("{name}: {case}"));
        self.failures.extend(inner);
        println!("---- {name}: {error:#}");
        if let Some(log) = log {
            println!("{}", log.tail().unwrap_or_default().trim_end());
            println!("---- the whole log is {}", log.path.display());
        }
    }

    /// Prints the failures and, as the last line, the counts. Returns the exit code for them.
    pub(crate) fn finish(self) -> ExitCode {
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!(
            "{} passed, {} failed",
            self.counts.passed, self.counts.failed
        );
        if self.counts.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn separator(note: &str) -> &'static str {
    if note.is_empty() {
        ""
    } else {
        ": "
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_inner_cases_are_counted() {
        let mut tally = Tally::default();
        assert!(tally.stage("unit good", |log| {
            log.count(Counts {
                passed: 3,
                failed: 0,
            });
            Ok(())
        }));
        assert!(!tally.stage("unit bad", |log| {
            log.failed(vec!["a case".to_owned()]);
            anyhow::bail!("broken on purpose")
        }));
        assert_eq!(
            tally.counts,
            Counts {
                passed: 4,
                failed: 1
            }
        );
        assert_eq!(tally.failures, ["unit bad", "unit bad: a case"]);
    }

    #[test]
    fn a_log_keeps_what_a_program_prints() {
        let mut log = Log::create("unit log").unwrap();
        log.run(Command::new("echo").arg("hello")).unwrap();
        assert_eq!(log.tail().unwrap(), "$ echo hello\nhello\n");
    }
}
