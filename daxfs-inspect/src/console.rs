// SPDX-License-Identifier: MIT OR Apache-2.0
//! The output of a command, and its messages about problems.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use daxfs_cli::json::{self, Kind, Message};
use daxfs_cli::program::Program;
use daxfs_image::escape::{self, Charset};
use daxfs_image::walk::Problems;
use serde::Serialize;

/// This program, in messages.
pub const PROGRAM: Program = Program::new("daxfs-inspect");

/// The number of problems that are printed one by one.
const PRINTED: u64 = 100;

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text,
    /// JSON, one object a line.
    Json,
}

impl From<bool> for Form {
    fn from(json: bool) -> Self {
        if json {
            Self::Json
        } else {
            Self::Text
        }
    }
}

/// Output and messages of one run.
pub struct Console<'a> {
    /// The output for results.
    pub out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    charset: Charset,
    form: Form,
    /// The printable name of the image that was opened last.
    image: String,
    problems: u64,
}

impl<'a> Console<'a> {
    /// A console that prints results as text to `out` and messages to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, charset: Charset) -> Self {
        Self {
            out,
            err,
            charset,
            form: Form::Text,
            image: String::new(),
            problems: 0,
        }
    }

    /// A name or path in printable form.
    #[must_use]
    pub fn name(&self, bytes: &[u8]) -> String {
        escape::shown(bytes, self.charset)
    }

    /// The characters that the terminal can print.
    #[must_use]
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The form of results.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Sets the form of results. In JSON, messages are records between the results too.
    pub fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    /// Prints a record of JSON.
    ///
    /// # Errors
    /// Those of the output.
    pub fn json<T: Serialize>(&mut self, kind: Kind, value: &T) -> io::Result<()> {
        json::record(self.out, kind, value)
    }

    /// Reports an object that is missing, damaged or cannot be read. The run continues, and its
    /// exit code shows that there were problems.
    pub fn problem(&mut self, message: impl Display) {
        let text = message.to_string();
        self.report(Kind::Error, &text, &PROGRAM.record(&text));
    }

    /// Warns of damage in spite of which the results are printed. It counts as a problem.
    pub fn warn(&mut self, message: impl Display, finding: json::Finding) {
        let text = message.to_string();
        let record = PROGRAM.record(&text).with(finding);
        self.report(Kind::Warning, &format!("warning: {text}"), &record);
    }

    fn report(&mut self, kind: Kind, text: &str, record: &Message) {
        self.problems += 1;
        if self.problems <= PRINTED {
            self.print(kind, text, record);
        }
    }

    /// Prints a message. A closed stream has no reader.
    fn print(&mut self, kind: Kind, text: &str, record: &Message) {
        if self.form == Form::Json {
            let _ = json::record(self.out, kind, record);
        }
        // Earlier results go before the message.
        let _ = self.out.flush();
        let _ = writeln!(self.err, "daxfs-inspect: {text}");
    }

    /// Sets the image that later problems are about, and returns its printable name.
    pub fn set_image(&mut self, image: &Path) -> String {
        self.image = self.name(image.as_os_str().as_bytes());
        self.image.clone()
    }

    /// Reports a problem of an object without a path. The message begins with the image's name.
    pub fn damage(&mut self, message: impl Display) {
        let image = std::mem::take(&mut self.image);
        self.problem(format_args!("{image}: {message}"));
        self.image = image;
    }

    /// Reports a problem of the file at `path`.
    pub fn problem_at(&mut self, path: &[u8], problem: impl Display) {
        let text = format!("{}: {problem}", self.name(path));
        self.report(Kind::Error, &text, &PROGRAM.record(&text).at(path));
    }

    /// The number of problems.
    #[must_use]
    pub fn problems(&self) -> u64 {
        self.problems
    }

    /// Ends the run: flushes the output, and prints the number of problems that were not printed.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        let silent = self.problems.saturating_sub(PRINTED);
        if silent != 0 {
            let hint = "run daxfs-fsck on the image for a complete check";
            let text = format!("and {silent} more problems; {hint}");
            self.print(Kind::Error, &text, &PROGRAM.record(&text));
            self.out.flush()?;
        }
        Ok(())
    }
}

impl Problems for Console<'_> {
    fn at(&mut self, path: &[u8], problem: &dyn Display) {
        self.problem_at(path, problem);
    }

    fn of_image(&mut self, problem: &dyn Display) {
        self.damage(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_charset() {
        let locale = |pairs: &'static [(&str, &str)]| {
            Charset::from_locale(move |name| {
                let pair = pairs.iter().find(|(key, _)| *key == name);
                pair.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(locale(&[]), Charset::Ascii);
        assert_eq!(locale(&[("LANG", "de_DE.UTF-8")]), Charset::Utf8);
        assert_eq!(locale(&[("LC_ALL", ""), ("LANG", "C.utf8")]), Charset::Utf8);
        assert_eq!(
            locale(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]),
            Charset::Ascii
        );
    }

    #[test]
    fn a_flood_of_problems_is_cut_and_counted() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console::new(&mut out, &mut err, Charset::Ascii);
        for number in 0..PRINTED + 5 {
            console.problem(number);
        }
        console.finish().unwrap();
        assert_eq!(console.problems(), PRINTED + 5);
        let text = String::from_utf8(err).unwrap();
        assert_eq!(text.lines().count(), 101);
        assert!(text.contains("and 5 more problems"), "{text}");
    }
}
