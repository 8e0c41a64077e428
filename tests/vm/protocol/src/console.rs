// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines that a guest prints for the host on the console, which it shares with the kernel.
//!
//! | line | meaning |
//! |---|---|
//! | `daxfs-guest: start NAME` | a case begins |
//! | `daxfs-guest: announce WORDS` | the kernel will print these words during the case |
//! | `daxfs-guest: ok NAME` | the case has passed |
//! | `daxfs-guest: failed NAME: REASON` | the case has failed |
//! | `daxfs-guest: note NAME: TEXT` | a line of the case's standard output |
//! | `daxfs-guest: end` | all cases have been run |

use std::fmt;

/// The beginning of each line.
const PREFIX: &str = "daxfs-guest: ";

/// A line of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A case begins.
    Start(&'a str),
    /// The kernel will print these words during the case.
    Announce(&'a str),
    /// A case has passed.
    Passed(&'a str),
    /// A case has failed.
    Failed {
        /// The case.
        name: &'a str,
        /// The reason, in one line.
        reason: &'a str,
    },
    /// A case has printed a line.
    Note {
        /// The case.
        name: &'a str,
        /// The line.
        text: &'a str,
    },
    /// All cases have been run.
    End,
    /// The guest could not go on, or the host does not know the line.
    Other(&'a str),
}

impl<'a> Line<'a> {
    /// Returns the line of the protocol in a line of the console, if there is one.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let (_, words) = line.split_once(PREFIX)?;
        let words = words.trim_end();
        if words == "end" {
            return Some(Self::End);
        }
        let known = words.split_once(' ').and_then(|(verb, rest)| match verb {
            "start" => Some(Self::Start(rest)),
            "announce" => Some(Self::Announce(rest)),
            "ok" => Some(Self::Passed(rest)),
            "failed" => {
                let (name, reason) = rest.split_once(": ")?;
                Some(Self::Failed { name, reason })
            }
            "note" => {
                let (name, text) = rest.split_once(": ")?;
                Some(Self::Note { name, text })
            }
            _ => None,
        });
        Some(known.unwrap_or(Self::Other(words)))
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::Start(name) => write!(f, "start {name}"),
            Self::Announce(words) => write!(f, "announce {words}"),
            Self::Passed(name) => write!(f, "ok {name}"),
            Self::Failed { name, reason } => {
                write!(f, "failed {name}: {}", reason.replace('\n', "; "))
            }
            Self::Note { name, text } => write!(f, "note {name}: {text}"),
            Self::End => f.write_str("end"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_survives_printing_and_parsing() {
        for line in [
            Line::Start("a"),
            Line::Announce("Memory failure:"),
            Line::Passed("a@never"),
            Line::Failed {
                name: "a",
                reason: "1 is not 2: really",
            },
            Line::Note {
                name: "a",
                text: "5 kB",
            },
            Line::End,
            Line::Other("cannot run: no image"),
        ] {
            let printed = format!("[    4.2] {line} ");
            assert_eq!(Line::parse(&printed), Some(line));
        }
    }

    #[test]
    fn other_lines_are_told_apart() {
        assert_eq!(Line::parse("[ 0.1] Linux"), None);
        let broken = Line::parse("daxfs-guest: failed a");
        assert_eq!(broken, Some(Line::Other("failed a")));
        let reason = "one\ntwo";
        let failed = Line::Failed { name: "a", reason }.to_string();
        assert_eq!(failed, "daxfs-guest: failed a: one; two");
    }
}
