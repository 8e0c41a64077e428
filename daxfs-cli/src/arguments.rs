// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line: parsing it, and values that several commands take.

use std::env;
use std::ffi::OsString;
use std::io;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use clap::{Args, Parser};

use crate::json::{self, Kind, Message};
use crate::program::is_closed;

/// Parses the command line. Help goes to standard output and errors to standard error; with `--json`
/// in the command line, an error is a record on standard output too.
///
/// # Errors
/// The exit status if there is nothing to run: `usage` for a wrong command line, or if the help
/// cannot be printed.
pub fn parse<T: Parser>(usage: u8) -> Result<T, ExitCode> {
    parse_from(env::args_os(), usage)
}

/// Parses a command line as [`parse`] does, the name of the program first.
///
/// # Errors
/// As [`parse`].
pub fn parse_from<T: Parser>(
    line: impl IntoIterator<Item = OsString>,
    usage: u8,
) -> Result<T, ExitCode> {
    T::try_parse_from(line).map_err(|error| refuse(&error, T::command().get_name(), usage))
}

/// Prints the reason for which a command line is not run, and returns the exit status.
pub fn refuse(error: &clap::Error, tool: &str, usage: u8) -> ExitCode {
    let is_lost = error.print().is_err_and(|error| !is_closed(&error));
    if !error.use_stderr() {
        return if is_lost {
            ExitCode::from(usage)
        } else {
            ExitCode::SUCCESS
        };
    }
    if env::args_os().any(|argument| argument == "--json") {
        let record = Message::new(tool.to_owned(), reason(error));
        let _ = json::record(&mut io::stdout(), Kind::Error, &record);
    }
    ExitCode::from(usage)
}

/// The reason for which a command line is wrong: its first paragraph without the usage.
fn reason(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ")
}

/// The option for the number of threads.
#[derive(Args, Clone, Copy, Debug)]
pub struct Threads {
    /// Number of threads, at most 1024 [default: one for each processor]
    #[arg(short = 'j', long, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,
}

impl Threads {
    /// The number of threads: the one from the command line, or one for each processor.
    #[must_use]
    pub fn count(self) -> NonZeroUsize {
        let processors = || thread::available_parallelism().ok();
        self.threads
            .or_else(processors)
            .unwrap_or(NonZeroUsize::MIN)
    }
}

/// The most threads. A process may run out of mappings for their stacks long before it runs out of
/// threads.
const MAX_THREADS: usize = 1024;

/// Parses a number of threads.
///
/// # Errors
/// A message if it is not a number, or out of range.
pub fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    let number: Option<NonZeroUsize> = text.parse().ok();
    number
        .filter(|number| number.get() <= MAX_THREADS)
        .ok_or_else(|| format!("not a number from 1 to {MAX_THREADS}"))
}

/// Parses a number of bytes, with K, M or G of either case for powers of 1024.
///
/// # Errors
/// A message if it is not such a number, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'k', 'm', 'g']);
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => return Err("a number with at most one of K, M and G".into()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "not a number with at most one of K, M and G behind it")?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = [
            ("0", 0),
            ("7", 7),
            ("4K", 4096),
            ("4k", 4096),
            ("3M", 3 << 20),
            ("1G", 1 << 30),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for wrong in ["", "K", "1KK", "1T", "-1", "1.5G", "99999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn threads_have_a_limit() {
        for text in ["1", "7", "1024"] {
            let number = parse_threads(text).map(|number| number.to_string());
            assert_eq!(number.as_deref(), Ok(text));
        }
        for wrong in ["", "0", "-1", "1025", "many"] {
            assert!(parse_threads(wrong).is_err(), "{wrong}");
        }
    }
}
