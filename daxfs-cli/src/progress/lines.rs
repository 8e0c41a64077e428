// SPDX-License-Identifier: MIT OR Apache-2.0
//! Progress as lines of text or records of JSON, at a limited rate.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Phase, Unit};
use crate::json::{record_text, Kind};
use crate::number::size;
use crate::program::Program;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

impl Format {
    /// The least time between two lines within a phase.
    fn interval(self) -> Duration {
        match self {
            Self::Text => Duration::from_secs(1),
            Self::Json => Duration::from_millis(100),
        }
    }
}

/// The point in a phase at which a record is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Begin,
    Running,
    End,
}

/// A record of progress.
#[derive(Serialize)]
struct Record {
    tool: &'static str,
    phase: &'static str,
    state: State,
    done: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    unit: Unit,
    seconds: f64,
}

/// The lines of a run.
#[derive(Debug)]
pub(super) struct Lines {
    program: Program,
    format: Format,
    current: Option<Current>,
}

/// The current phase, with its count.
#[derive(Clone, Copy, Debug)]
struct Current {
    phase: Phase,
    done: u64,
    begin: Instant,
    printed: Instant,
}

impl Lines {
    pub(super) fn new(program: Program, format: Format) -> Self {
        Self {
            program,
            format,
            current: None,
        }
    }

    pub(super) fn begin(&mut self, phase: Phase) {
        self.end();
        let now = Instant::now();
        let current = Current {
            phase,
            done: phase.done,
            begin: now,
            printed: now,
        };
        self.current = Some(current);
        self.print(current, State::Begin);
    }

    pub(super) fn advance(&mut self, count: u64) {
        let interval = self.format.interval();
        let Some(current) = &mut self.current else {
            return;
        };
        current.done = current.done.saturating_add(count);
        if current.printed.elapsed() >= interval {
            current.printed = Instant::now();
            let current = *current;
            self.print(current, State::Running);
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(mut current) = self.current.take() {
            if current.phase.unit == Unit::Steps {
                current.done = 1;
            }
            self.print(current, State::End);
        }
    }

    pub(super) fn clear(&mut self) {
        self.current = None;
    }

    /// Prints a line. A failure is ignored: it cannot be reported anywhere.
    fn print(&self, current: Current, state: State) {
        let line = self.line(current, state);
        let _ = io::stderr().write_all((line + "\n").as_bytes());
    }

    fn line(&self, current: Current, state: State) -> String {
        let Current { phase, done, .. } = current;
        match self.format {
            Format::Text => format!("{}: {}", self.program.name(), Text { phase, done, state }),
            Format::Json => {
                let record = Record {
                    tool: self.program.name(),
                    phase: phase.name,
                    state,
                    done,
                    total: phase.total,
                    unit: phase.unit,
                    seconds: current.begin.elapsed().as_secs_f64(),
                };
                record_text(Kind::Progress, &record)
            }
        }
    }
}

/// A line of text.
struct Text {
    phase: Phase,
    done: u64,
    state: State,
}

impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phase.title)?;
        let count = |count| match self.phase.unit {
            Unit::Bytes => size(count),
            Unit::Entries => format!("{count} entries"),
            Unit::Steps => String::new(),
        };
        if self.phase.unit != Unit::Steps {
            write!(f, ": {}", count(self.done))?;
            if let Some(total) = self.phase.total {
                write!(f, " of {}", count(total))?;
            }
        }
        f.write_str(match self.state {
            State::End => ", done",
            State::Begin | State::Running => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHASE: Phase = Phase {
        name: "copy",
        title: "copying",
        unit: Unit::Bytes,
        done: 0,
        total: Some(2048),
    };

    fn line(format: Format, phase: Phase, done: u64, state: State) -> String {
        let now = Instant::now();
        let current = Current {
            phase,
            done,
            begin: now,
            printed: now,
        };
        Lines::new(Program::new("tool"), format).line(current, state)
    }

    #[test]
    fn lines_state_the_counts_in_the_unit() {
        let text = |phase, done, state| line(Format::Text, phase, done, state);
        let copying = text(PHASE, 1024, State::Running);
        assert_eq!(
            copying,
            format!("tool: copying: {} of {}", size(1024), size(2048))
        );
        let scan = Phase {
            title: "scanning",
            unit: Unit::Entries,
            total: None,
            ..PHASE
        };
        let scanned = text(scan, 7, State::End);
        assert_eq!(scanned, "tool: scanning: 7 entries, done");
        let step = Phase {
            unit: Unit::Steps,
            ..scan
        };
        assert_eq!(text(step, 0, State::Begin), "tool: scanning");
    }

    #[test]
    fn records_state_a_total_only_if_it_is_known() {
        let known = line(Format::Json, PHASE, 5, State::Begin);
        let begin = r#"{"schema":1,"record":"progress","tool":"tool","phase":"copy","#;
        let rest = r#""state":"begin","done":5,"total":2048,"unit":"bytes","seconds":"#;
        assert!(known.starts_with(&format!("{begin}{rest}")), "{known}");
        let phase = Phase {
            total: None,
            ..PHASE
        };
        assert!(!line(Format::Json, phase, 5, State::Begin).contains("total"));
    }
}
