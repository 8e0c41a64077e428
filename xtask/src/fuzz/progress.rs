// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress of a run of libFuzzer.

use std::fmt;

use anyhow::Result;
use indicatif::HumanCount;

use super::lines::new_edge;

/// The head of the table of outcomes.
pub(super) const HEAD: &str = "\
| target | executions | edges reached | inputs | processor time | last new edge | in a line of the project | defects |\n\
|---|--:|--:|--:|--:|--:|--:|--:|";

/// A moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moment {
    /// Executions so far.
    pub(super) executions: u64,
    /// Processor time so far, in seconds.
    pub(super) seconds: f64,
}

/// The results of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) target: String,
    /// The latest moment.
    pub(super) now: Moment,
    /// The moment of the last new edge.
    pub(super) news: Moment,
    /// The moment of the last new edge in a line of the project.
    own_news: Moment,
    /// New edges that were printed, before the line with their moment.
    named: Vec<u64>,
    /// New edges with their moments, of which the source lines were not yet looked up.
    unsettled: Vec<(Moment, u64)>,
    /// Edges reached, and all edges of the program.
    edges: u64,
    all_edges: u64,
    inputs: u64,
    /// Inputs of defects, and other early ends of the run.
    pub(super) defects: u64,
}

impl Outcome {
    /// The results before the run.
    pub(super) fn of(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..Self::default()
        }
    }

    /// Returns true if a defect was found.
    pub(super) fn is_bad(&self) -> bool {
        self.defects > 0
    }

    /// Reads a line that libFuzzer printed after so much processor time.
    pub(super) fn line(&mut self, line: &str, seconds: f64) {
        self.now.seconds = self.now.seconds.max(seconds);
        self.named.extend(new_edge(line));
        let mut words = line.split_whitespace();
        match words.next() {
            Some("INFO:") if line.contains(" inline 8-bit counters") => {
                let count = words.nth(3).and_then(|word| word.strip_prefix('('));
                self.all_edges = count.and_then(|count| count.parse().ok()).unwrap_or(0);
            }
            Some("stat::number_of_executed_units:") => {
                let count = words.next().and_then(|count| count.parse().ok());
                self.now.executions = count.unwrap_or(self.now.executions);
            }
            Some(first) => {
                let count = first.strip_prefix('#').and_then(|count| count.parse().ok());
                if let Some(executions) = count {
                    self.now.executions = executions;
                    self.status(line);
                }
            }
            None => {}
        }
    }

    /// A line such as `#12 NEW cov: 3 ft: 4 corp: 5/6b lim: 7 exec/s: 8 rss: 9Mb`.
    fn status(&mut self, line: &str) {
        let field = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            let digits = rest
                .trim_start()
                .split(|c: char| !c.is_ascii_digit())
                .next();
            digits?.parse::<u64>().ok()
        };
        if line.contains("INITED") {
            // The edges of the first inputs are not printed.
            self.own_news = self.now;
        }
        let now = self.now;
        let named = self.named.drain(..).map(|edge| (now, edge));
        self.unsettled.extend(named);
        if let Some(edges) = field(" cov:").filter(|&edges| edges > self.edges) {
            self.edges = edges;
            self.news = self.now;
        }
        self.inputs = field(" corp:").unwrap_or(self.inputs);
    }

    /// Looks up the lines of the edges since the last call; `are_own` returns true for those of the
    /// project.
    ///
    /// # Errors
    /// Those of `are_own`.
    pub(super) fn settle(&mut self, are_own: impl Fn(&[u64]) -> Result<Vec<bool>>) -> Result<()> {
        let (moments, edges): (Vec<_>, Vec<_>) = self.unsettled.drain(..).unzip();
        for (moment, is_own) in moments.into_iter().zip(are_own(&edges)?) {
            if is_own {
                self.own_news = moment;
            }
        }
        Ok(())
    }

    /// Formats a moment, with its part of the run.
    fn part(&self, moment: Moment) -> String {
        let percent = if self.now.seconds > 0.0 {
            100.0 * moment.seconds / self.now.seconds
        } else {
            0.0
        };
        format!(
            "at {:.1} min ({percent:.0} %), execution {}",
            moment.seconds / 60.0,
            HumanCount(moment.executions)
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| `{}` | {} | {} of {} | {} | {:.1} min | {} | {} | {} |",
            self.target,
            HumanCount(self.now.executions),
            self.edges,
            self.all_edges,
            self.inputs,
            self.now.seconds / 60.0,
            self.part(self.news),
            self.part(self.own_news),
            self.defects,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(executions: u64, seconds: f64) -> Moment {
        Moment {
            executions,
            seconds,
        }
    }

    fn after(lines: &[(&str, f64)]) -> Outcome {
        let mut outcome = Outcome::of("lookup");
        for (line, seconds) in lines {
            outcome.line(line, *seconds);
        }
        outcome
    }

    #[test]
    fn lines_of_libfuzzer_are_read() {
        let outcome = after(&[
            ("INFO: Loaded 1 modules   (1853 inline 8-bit counters): 1853 [0x1, 0x2),", 0.1),
            ("#296\tINITED cov: 811 ft: 2041 corp: 269/1458Kb exec/s: 0 rss: 29Mb", 0.6),
            ("#900\tNEW    cov: 812 ft: 2042 corp: 270/1460Kb lim: 8192 exec/s: 5 rss: 29Mb L: 8", 3.0),
            ("#2000\tREDUCE cov: 812 ft: 2042 corp: 270/1459Kb lim: 8192 exec/s: 5 rss: 29Mb", 6.0),
            ("stat::number_of_executed_units: 1234567", 12.0),
        ]);
        assert_eq!(
            (outcome.edges, outcome.all_edges, outcome.inputs),
            (812, 1853, 270)
        );
        assert_eq!(outcome.news, moment(900, 3.0));
        assert_eq!(outcome.own_news, moment(296, 0.6));
        assert_eq!(outcome.now, moment(1_234_567, 12.0));
        let row = outcome.to_string();
        assert!(row.contains("| 1,234,567 | 812 of 1853 | 270 | 0.2 min | at 0.1 min (25 %), execution 900 | at 0.0 min (5 %), execution 296 | 0 |"), "{row}");
    }

    #[test]
    fn edges_of_others_are_no_news_of_the_project() {
        let mut outcome = after(&[
            ("#3\tINITED cov: 1", 1.0),
            ("\tNEW_PC: 0x10", 2.0),
            ("\tNEW_PC: 0x21", 2.0),
            ("#5\tNEW    cov: 3", 2.0),
            ("\tNEW_PC: 0x33", 4.0),
            ("#9\tNEW    cov: 4", 4.0),
        ]);
        let are_even = |edges: &[u64]| Ok(edges.iter().map(|edge| edge % 2 == 0).collect());
        outcome.settle(are_even).unwrap();
        assert_eq!(outcome.news, moment(9, 4.0));
        assert_eq!(outcome.own_news, moment(5, 2.0));
        outcome.line("\tNEW_PC: 0x44", 6.0);
        outcome.line("#12\tNEW    cov: 5", 6.0);
        outcome.settle(are_even).unwrap();
        assert_eq!(outcome.own_news, moment(12, 6.0));
    }
}
