// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdicts of a guest, read from its console.
//!
//! The program in the guest prints lines of the protocol; all others come from the kernel. A run is
//! good only if each selected case has a verdict, the guest prints the end marker once, and the
//! kernel prints no sign of trouble that the case has not announced.

use std::ops::Range;
use std::time::{Duration, Instant};

use daxfs_vm_protocol::Line;

use super::signs;

/// The result of one case in a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseResult {
    /// The name of the case.
    pub(crate) name: String,
    /// The reason of a failure.
    pub(crate) failure: Option<String>,
    /// The duration, on the host's clock.
    pub(crate) duration: Duration,
    /// The range of the console, in bytes, that was printed during the case.
    said: Range<usize>,
}

/// The result of a guest's run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The cases, in the order in which they ended.
    pub(crate) cases: Vec<CaseResult>,
    /// The notes of the cases.
    pub(crate) notes: Vec<Note>,
    /// The whole console.
    pub(crate) console: String,
    /// The reason why the run has failed, whatever the verdicts of the cases.
    pub(crate) trouble: Option<String>,
    /// The case that ran then.
    pub(crate) troubled: Option<String>,
    started: Option<Started>,
    announced: Vec<Announced>,
    endings: u32,
}

/// A line that a case has printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// The name of the case.
    pub(crate) case: String,
    /// The line.
    pub(crate) text: String,
}

/// The case that runs.
#[derive(Debug)]
struct Started {
    name: String,
    at: Instant,
    /// The length of the console before it.
    console: usize,
}

/// Words that a case has announced.
#[derive(Debug)]
struct Announced {
    words: String,
    seen: bool,
}

impl Report {
    /// Takes one line of the console.
    pub(super) fn take(&mut self, line: &str) {
        self.console.push_str(line);
        self.console.push('\n');
        if let Some(line) = Line::parse(line) {
            return self.take_protocol(line);
        }
        let announced = self.announced.iter_mut();
        let expected = announced.filter(|announced| line.contains(&announced.words));
        if expected.map(|announced| announced.seen = true).count() > 0 {
            return;
        }
        if let Some(sign) = signs::sign_in(line) {
            self.fail(&format!("the kernel printed \"{sign}\""));
        }
    }

    fn take_protocol(&mut self, line: Line<'_>) {
        match line {
            Line::Start(name) => {
                self.settle_announcements();
                self.started = Some(Started {
                    name: name.to_owned(),
                    at: Instant::now(),
                    console: self.console.len(),
                });
            }
            Line::Announce(words) => self.announced.push(Announced {
                words: words.to_owned(),
                seen: false,
            }),
            Line::Passed(name) => self.finish(name, None),
            Line::Failed { name, reason } => self.finish(name, Some(reason.to_owned())),
            Line::Note { name, text } => self.notes.push(Note {
                case: name.to_owned(),
                text: text.to_owned(),
            }),
            Line::End => self.endings += 1,
            Line::Other(words) => self.fail(&format!("unexpected line of the guest: \"{words}\"")),
        }
    }

    /// Fails if the kernel did not print the words that a case announced. Must be called when the
    /// next case starts, since the console may lag behind.
    fn settle_announcements(&mut self) {
        let announced = std::mem::take(&mut self.announced);
        for missing in announced.iter().filter(|announced| !announced.seen) {
            self.fail(&format!("the kernel did not print \"{}\"", missing.words));
        }
    }

    fn finish(&mut self, name: &str, failure: Option<String>) {
        let started = self.started.take();
        let end = self.console.len();
        let begin = started.as_ref().map_or(end, |started| started.console);
        self.cases.push(CaseResult {
            name: name.to_owned(),
            failure,
            duration: started.map_or(Duration::ZERO, |started| started.at.elapsed()),
            said: begin..end,
        });
    }

    /// Fails unless each of these cases has one verdict, in this order, and no other case has one.
    pub(super) fn expect(&mut self, names: &[String]) {
        let mut found = self.cases.iter().map(|case| &case.name);
        if let Some(name) = names.iter().find(|name| found.next() != Some(*name)) {
            self.fail(&format!("{name} has no verdict where it should"));
        } else if let Some(name) = found.next().cloned() {
            self.fail(&format!("{name} has a verdict that is not expected"));
        }
    }

    /// Returns the first failure, of a case or of the guest.
    pub(super) fn failure(&self) -> Option<&str> {
        let mut failures = self.cases.iter().filter_map(|case| case.failure.as_deref());
        self.trouble.as_deref().or_else(|| failures.next())
    }

    /// Returns the parts of the console that failed cases printed, and its end if the run has
    /// failed.
    pub(crate) fn excerpts(&self) -> String {
        let mut text = String::new();
        for case in self.cases.iter().filter(|case| case.failure.is_some()) {
            let said = self.console.get(case.said.clone()).unwrap_or_default();
            text.push_str(&format!("[{}]\n{}", case.name, last_lines(said)));
        }
        if self.trouble.is_some() {
            text.push_str(&format!("[at the end]\n{}", last_lines(&self.console)));
        }
        text
    }

    pub(super) fn fail(&mut self, why: &str) {
        if self.trouble.is_some() {
            return;
        }
        self.troubled = self.started.as_ref().map(|started| started.name.clone());
        let during = self.troubled.iter().map(|name| format!(" during {name}"));
        self.trouble = Some(format!("{why}{}", during.collect::<String>()));
    }

    pub(super) fn conclude(&mut self) {
        self.settle_announcements();
        match self.endings {
            1 => {}
            0 => self.fail("the guest ended without saying that it was done"),
            _ => self.fail("the guest ended more than once"),
        }
    }
}

/// Returns the end of a text, as long as the messages of a kernel in trouble.
fn last_lines(text: &str) -> &str {
    const LINES: usize = 120;
    let mut ends = text.rmatch_indices('\n').map(|(at, _)| at + 1);
    ends.nth(LINES).map_or(text, |begin| &text[begin..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str]) -> Report {
        let mut report = Report::default();
        lines.iter().for_each(|line| report.take(line));
        report.conclude();
        report
    }

    #[test]
    fn a_good_run_ends_once() {
        let report = report(&[
            "[ 0.1] Linux",
            "daxfs-guest: start a",
            "daxfs-guest: ok a",
            "daxfs-guest: end",
        ]);
        assert_eq!(report.trouble, None);
        assert_eq!(failures(&report), [("a", None)]);
    }

    fn failures(report: &Report) -> Vec<(&str, Option<&str>)> {
        report
            .cases
            .iter()
            .map(|case| (case.name.as_str(), case.failure.as_deref()))
            .collect()
    }

    #[test]
    fn a_failed_case_keeps_its_reason() {
        let report = report(&[
            "daxfs-guest: failed a: 1 is not 2: really",
            "daxfs-guest: end",
        ]);
        assert_eq!(failures(&report), [("a", Some("1 is not 2: really"))]);
    }

    #[test]
    fn the_console_of_a_failed_case_is_shown() {
        let mut lines = vec!["daxfs-guest: start a", "of a", "daxfs-guest: ok a"];
        lines.extend(["daxfs-guest: start b", "of b", "daxfs-guest: failed b: x"]);
        lines.push("later");
        let shown = "[b]\nof b\ndaxfs-guest: failed b: x\n";
        let good_end = [&lines[..], &["daxfs-guest: end"]].concat();
        assert_eq!(report(&good_end).excerpts(), shown);
        let bad_end = report(&lines).excerpts();
        assert!(bad_end.starts_with(shown) && bad_end.ends_with("later\n"));
        assert_eq!(last_lines(&"x\n".repeat(500)), "x\n".repeat(120));
        assert_eq!(last_lines("x\ny\n"), "x\ny\n");
    }

    #[test]
    fn each_case_must_have_its_verdict() {
        let expect = |names: &[&str]| {
            let mut report = report(&[
                "daxfs-guest: ok a",
                "daxfs-guest: failed b: x",
                "daxfs-guest: end",
            ]);
            report.expect(
                &names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>(),
            );
            report.trouble
        };
        assert_eq!(expect(&["a", "b"]), None);
        assert!(expect(&["b", "a"]).is_some());
        assert!(expect(&["a", "b", "c"]).is_some());
        assert!(expect(&["a"]).is_some());
    }

    #[test]
    fn trouble_of_the_kernel_names_the_case() {
        let report = report(&[
            "daxfs-guest: start a",
            "[ 1.0] WARNING: mm/x.c:1",
            "daxfs-guest: end",
        ]);
        let trouble = "the kernel printed \"WARNING:\" during a";
        assert_eq!(report.trouble.as_deref(), Some(trouble));
    }

    #[test]
    fn announced_words_must_come_and_do_not_fail() {
        let run = |lines: &[&str]| {
            let announcement = [
                "daxfs-guest: start a",
                "daxfs-guest: announce Memory failure:",
            ];
            report(&[&announcement, lines, &["daxfs-guest: end"]].concat()).trouble
        };
        let printed = "[ 1.0] Memory failure: 0x20200: Recovered";
        assert_eq!(run(&[printed, "daxfs-guest: ok a"]), None);
        assert_eq!(run(&["daxfs-guest: ok a", printed]), None);
        assert!(run(&["daxfs-guest: ok a"]).is_some());
        let late = ["daxfs-guest: ok a", "daxfs-guest: start b", printed];
        assert!(run(&late).is_some());
        assert!(run(&[printed, "[ 1.0] WARNING: mm/x.c:1"]).is_some());
    }

    #[test]
    fn an_end_that_is_missing_or_repeated_fails() {
        assert!(report(&["daxfs-guest: ok a"]).trouble.is_some());
        assert!(report(&["daxfs-guest: end", "daxfs-guest: end"])
            .trouble
            .is_some());
    }
}
