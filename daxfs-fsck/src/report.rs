// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report, as text and as JSON.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use daxfs_cli::json::{self, Kind, Text};
use daxfs_cli::number::{plural, size};
use daxfs_cli::program::{Output, Program};
use daxfs_image::format::Identity;

use crate::archive;
use crate::check::Check;
use crate::cli::Options;
use crate::extract::Summary;
use crate::facts::{Description, Located, Verified};
use crate::status;

/// This program, in messages.
pub const PROGRAM: Program = Program::new("daxfs-fsck");

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// The image, as named on the command line.
    pub image: Text,
    /// The properties that the superblock states.
    pub description: Option<Description>,
    /// The identity that was given, if the image has another one.
    pub identity_wanted: Option<Identity>,
    /// True if the check was completed. It is not after an error, nor for an image whose superblock
    /// or section table break a rule: nothing else can be located then.
    pub checked: bool,
    /// The length in bytes of a file that could not be opened because it breaks such a rule.
    pub file_size: Option<u64>,
    /// The text about a file that is not an image at all.
    pub foreign: Option<String>,
    /// The number of findings.
    pub total: u64,
    /// The first findings.
    pub findings: Vec<Located>,
    /// The extent of `--verify-data`.
    pub verified: Option<Verified>,
    /// The result of `--extract`.
    pub extracted: Option<Summary>,
    /// The result of `--tar`.
    pub archived: Option<archive::Summary>,
    /// The error for which the run could not be completed.
    pub error: Option<String>,
    /// The duration of each step in seconds.
    pub seconds: Vec<(&'static str, f64)>,
}

impl Report {
    /// An empty report on an image.
    #[must_use]
    pub fn new(image: &Path) -> Self {
        Self {
            image: Text(image.as_os_str().as_bytes().to_vec()),
            description: None,
            identity_wanted: None,
            checked: false,
            file_size: None,
            foreign: None,
            total: 0,
            findings: Vec::new(),
            verified: None,
            extracted: None,
            archived: None,
            error: None,
            seconds: Vec::new(),
        }
    }

    /// Returns true if no defect of the image is known. That says nothing of an image that was not
    /// checked.
    #[must_use]
    pub fn has_no_known_defect(&self) -> bool {
        self.total == 0 && self.identity_wanted.is_none()
    }

    /// Records the duration of a step that began at `started`.
    pub fn took(&mut self, step: &'static str, started: Instant) {
        self.seconds.push((step, started.elapsed().as_secs_f64()));
    }

    /// The exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        let lost = self.extracted.as_ref().is_some_and(|s| s.not_restored != 0)
            || self.archived.as_ref().is_some_and(|s| s.sockets != 0);
        let findings = if self.has_no_known_defect() {
            0
        } else {
            status::FINDINGS
        };
        let failed = if self.error.is_some() {
            status::OPERATIONAL
        } else {
            0
        };
        let lost = if lost { status::NOT_RESTORED } else { 0 };
        findings | failed | lost
    }

    /// The report as records of JSON: an error, if there is one, and the check.
    fn records(&self) -> String {
        let error = self.error.as_ref();
        let error = error.map(|error| json::record_text(Kind::Error, &PROGRAM.record(error)));
        let check = json::record_text(Kind::Check, &Check::of(self));
        let records = error.into_iter().chain([check]);
        records.map(|record| record + "\n").collect()
    }

    /// Prints the report and returns the exit status.
    #[must_use]
    pub fn print(&self, options: &Options) -> ExitCode {
        let text = if options.json {
            self.print_messages(options);
            self.records()
        } else {
            self.print_messages(options);
            self.text(options)
        };
        let mut status = self.status();
        let printed = if options.archives_to_output() {
            io::stderr().write_all(text.as_bytes())
        } else {
            io::stdout().write_all(text.as_bytes())
        };
        if PROGRAM.output(printed) == Output::Failed {
            status |= status::OPERATIONAL;
        }
        ExitCode::from(status)
    }

    fn text(&self, options: &Options) -> String {
        if let Some(foreign) = &self.foreign {
            return format!("{}: {foreign}\n", self.image);
        }
        let mut text: String = self.findings.iter().map(Located::line).collect();
        if let Some(bytes) = self.file_size {
            text += &format!(
                "nothing else was checked: superblock and section table locate the rest; \
                 the file has {bytes} bytes\n"
            );
        }
        if let (Some(wanted), Some(image)) = (self.identity_wanted, &self.description) {
            let found = &image.identity;
            text += &format!("the identity is {found}, not {wanted}\n");
        }
        if options.verbose {
            self.describe(&mut text);
        }
        // Beside an error, only findings are a result.
        if !options.quiet && (self.error.is_none() || !self.has_no_known_defect()) {
            self.summarise(&mut text, options);
        }
        text
    }

    fn describe(&self, text: &mut String) {
        if let Some(image) = &self.description {
            let Description {
                identity,
                uuid,
                label,
                ..
            } = image;
            *text += &format!("identity {identity}\nuuid {uuid}\nlabel {label}\n");
        }
        for (step, seconds) in &self.seconds {
            *text += &format!("{step} took {seconds:.3} s\n");
        }
    }

    fn summarise(&self, text: &mut String, options: &Options) {
        let (image, total) = (&self.image, self.total);
        let shown = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        let result = match total {
            0 if self.has_no_known_defect() => "clean".to_owned(),
            0 => "not the image with that identity".to_owned(),
            1 => "1 finding".to_owned(),
            _ if total > shown => format!("{total} findings, of which the first {shown} are shown"),
            _ => format!("{total} findings"),
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "{image}: {result}");
        if let Some(Description {
            size: bytes,
            inodes,
            ..
        }) = self.description
        {
            let _ = write!(text, ", {inodes} inodes, {}", size(bytes));
        }
        if let Some(Verified {
            contents,
            size: bytes,
        }) = self.verified
        {
            let _ = write!(text, ", {contents} contents verified ({})", size(bytes));
        }
        if let Some(summary) = &self.extracted {
            let _ = write!(text, ", {} files extracted", summary.files);
        }
        if let Some(summary) = &self.archived {
            let _ = write!(
                text,
                ", {} archived ({})",
                plural(summary.entries, "entry"),
                size(summary.bytes)
            );
        }
        if self.checked && !options.verify_data {
            text.push_str("; contents not compared (--verify-data)");
        }
        text.push('\n');
    }

    fn print_messages(&self, options: &Options) {
        if let Some(summary) = &self.extracted {
            for problem in summary.problems() {
                PROGRAM.message(problem);
            }
            if let Some(advice) = summary.advice() {
                PROGRAM.message(advice);
            }
            if let Some(note) = summary.note().filter(|_| !options.quiet) {
                PROGRAM.message(note);
            }
        }
        if let Some(archive::Summary { sockets, .. }) = self.archived {
            if sockets != 0 {
                let sockets = plural(sockets, "socket");
                PROGRAM.message(format_args!("{sockets} left out: tar has no such type"));
            }
        }
        if let Some(error) = &self.error {
            PROGRAM.message(error);
        }
    }
}
