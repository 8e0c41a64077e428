// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running `cargo test` and counting its cases, by the summary line of each test binary.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{ensure, Result};

use crate::report::{Counts, Log};

/// Runs a `cargo test` command and adds its cases to the stage.
///
/// # Errors
/// When the command fails, or when no test binary reported a result: a run without tests must not
/// pass.
pub(crate) fn run(log: &mut Log, command: &mut Command) -> Result<()> {
    let mut total = Summary::default();
    let mut binaries = 0_u64;
    let mut failed = Vec::new();
    let mut not_tested = BTreeSet::new();
    let result = log.run_lines(command, |line| {
        failed.extend(failed_test(line).map(str::to_owned));
        not_tested.extend(not_tested_reason(line).map(str::to_owned));
        if let Some(summary) = Summary::parse(line) {
            total.add(summary);
            binaries += 1;
        }
    });
    log.count(total.counts);
    log.failed(failed);
    let mut note = format!(
        "{} passed, {} failed, {} ignored in {binaries} test binaries",
        total.counts.passed, total.counts.failed, total.ignored
    );
    for reason in not_tested {
        note.push_str("; not tested: ");
        note.push_str(&reason);
    }
    log.note(note);
    result?;
    ensure!(binaries > 0, "no test binary reported a result");
    Ok(())
}

/// Returns the name in a line such as `test module::name ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// Returns the reason in the line that a test prints past the harness if it could test nothing.
fn not_tested_reason(line: &str) -> Option<&str> {
    line.split_once("not tested: ").map(|(_, reason)| reason)
}

/// The report of one test binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Summary {
    counts: Counts,
    ignored: u64,
}

impl Summary {
    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut summary = Self::default();
        for field in fields.split(';') {
            let mut words = field.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let target = match what {
                "passed" => &mut summary.counts.passed,
                "failed" => &mut summary.counts.failed,
                "ignored" => &mut summary.ignored,
                _ => continue,
            };
            *target = number.parse().ok()?;
        }
        Some(summary)
    }

    fn add(&mut self, other: Self) {
        self.counts += other.counts;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_tests_nothing_says_so() {
        let line = "test a ... not tested: the processor has no SHA instructions";
        let reason = not_tested_reason(line);
        assert_eq!(reason, Some("the processor has no SHA instructions"));
        assert_eq!(not_tested_reason("test a ... ok"), None);
    }

    #[test]
    fn a_failed_test_has_its_name() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b"));
        assert_eq!(failed_test("test a::b ... ok"), None);
    }

    #[test]
    fn a_summary_line_is_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; \
                    0 filtered out; finished in 0.01s";
        let expected = Summary {
            counts: Counts {
                passed: 12,
                failed: 3,
            },
            ignored: 1,
        };
        assert_eq!(Summary::parse(line), Some(expected));
    }

    #[test]
    fn other_lines_are_not_summaries() {
        assert_eq!(Summary::parse("test report::tests::a ... ok"), None);
        assert_eq!(Summary::parse(""), None);
    }
}
