// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of a program on standard error, and output that may end early.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::path::Path;

use crate::json::Message;

/// A program, by the name that begins its messages.
#[derive(Clone, Copy, Debug)]
pub struct Program(&'static str);

impl Program {
    /// The program with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// A message as a record of JSON.
    #[must_use]
    pub fn record(self, message: impl Display) -> Message {
        Message::new(self.0, message.to_string())
    }

    /// Prints a line on standard error, after the program's name. A failure to print it is ignored:
    /// it cannot be reported anywhere.
    pub fn message(self, message: impl Display) {
        let _ = writeln!(io::stderr(), "{}: {message}", self.called());
    }

    /// The name by which the program was called, if it is one of those that mkfs(8) and fsck(8)
    /// call.
    fn called(self) -> &'static str {
        let path = env::args_os().next().unwrap_or_default();
        let called = Path::new(&path).file_name();
        let names = ["mkfs.daxfs", "fsck.daxfs"];
        let other = names
            .into_iter()
            .find(|name| called == Some(OsStr::new(name)));
        other.unwrap_or(self.0)
    }

    /// Judges the result of writing the output. A reader that has closed the pipe is not a failure;
    /// any other error is printed.
    pub fn output(self, result: io::Result<()>) -> Output {
        match result {
            Err(error) if !is_closed(&error) => {
                self.message(format_args!("cannot write the result: {error}"));
                Output::Failed
            }
            _ => Output::Done,
        }
    }
}

/// The result of printing the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// It was written, or its reader has closed the pipe.
    Done,
    /// It could not be written, as a message has said.
    Failed,
}

/// Returns true if the reader of the output has closed the pipe.
#[must_use]
pub fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// An error with its causes, with a colon between them.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read a")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_is_printed_with_its_causes() {
        let error = Outer(io::Error::other("broken"));
        assert_eq!(Chain(&error).to_string(), "cannot read a: broken");
        assert_eq!(Chain(&error.0).to_string(), "broken");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_not_a_failure() {
        let program = Program::new("test");
        assert_eq!(program.output(Ok(())), Output::Done);
        let closed = Err(io::ErrorKind::BrokenPipe.into());
        assert_eq!(program.output(closed), Output::Done);
        let full = Err(io::ErrorKind::StorageFull.into());
        assert_eq!(program.output(full), Output::Failed);
    }
}
