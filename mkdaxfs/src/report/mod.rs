// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports of a run: progress on a terminal, steps, files that are left out, the summary.

pub(crate) mod summary;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use daxfs_cli::number::{plural, size};
use daxfs_cli::program::{Chain, Program};
use daxfs_cli::progress::{Bar, Show};
use mkdaxfs::cli::Print;
use mkdaxfs::{shown, Error, LeftOut, Observer, Phase};

/// The program, for messages.
pub(crate) const PROGRAM: Program = Program::new("mkdaxfs");

/// The observer that reports to standard error.
pub(crate) struct Reporter {
    print: Print,
    bar: Bar,
    start: Instant,
    /// Number of files with attributes that the image does not hold.
    foreign: AtomicU64,
}

impl Reporter {
    pub(crate) fn new(print: Print) -> Self {
        let show = match print {
            Print::Nothing => Show::Never,
            Print::Summary | Print::Everything => Show::OnTerminal,
        };
        Self {
            print,
            bar: Bar::new(show, "scanning", 0),
            start: Instant::now(),
            foreign: AtomicU64::new(0),
        }
    }

    /// Prints a step, if each is to be printed.
    fn step(&self, text: &str) {
        if self.print == Print::Everything {
            let seconds = self.start.elapsed().as_secs_f64();
            self.bar.print(format_args!("[{seconds:7.3}] {text}"));
        }
    }

    /// Takes the bar off the terminal.
    pub(crate) fn clear(&self) {
        self.bar.finish();
    }

    /// Takes the bar off the terminal, and warns of attributes that the image does not hold.
    pub(crate) fn finish(&self) {
        self.bar.finish();
        let foreign = self.foreign.load(Ordering::Relaxed);
        if foreign != 0 && self.print != Print::Nothing {
            PROGRAM.message(format_args!(
                "warning: extended attributes outside of user, trusted, security and POSIX ACLs \
                 are not in the image: {}; -v names them",
                plural(foreign, "file")
            ));
        }
    }
}

impl Observer for Reporter {
    fn phase(&self, phase: Phase) {
        match phase {
            Phase::Scan => {
                self.bar.tick();
                self.step("scanning the tree");
            }
            Phase::Compare { entries, bytes } => {
                self.bar.set_bytes(bytes);
                self.bar.set_step("comparing");
                let bytes = size(bytes);
                self.step(&format!("comparing files: {entries} entries, {bytes}"));
            }
            Phase::Copy => {
                self.bar.set_step("copying");
                self.step("copying contents");
            }
            Phase::Metadata => self.step("writing metadata"),
            Phase::Publish => {
                self.bar.set_step("syncing");
                self.step("waiting for the disk");
            }
        }
    }

    fn advance(&self, bytes: u64) {
        self.bar.advance(bytes);
    }

    fn skipped(&self, error: &Error) {
        if self.print != Print::Nothing {
            self.bar
                .print(format_args!("mkdaxfs: warning: left out: {}", Chain(error)));
        }
    }

    fn left_out(&self, path: &Path, why: LeftOut) {
        if why == LeftOut::Xattr {
            self.foreign.fetch_add(1, Ordering::Relaxed);
        }
        self.step(&format!("left out: {}: {}", shown(path), reason(why)));
    }
}

/// The reason why something is left out, as a message gives it.
fn reason(why: LeftOut) -> &'static str {
    match why {
        LeftOut::Excluded => "a pattern matches",
        LeftOut::Image => "it is the image that is being replaced",
        LeftOut::Mounted => "the file system that is mounted here; the directory is kept",
        LeftOut::Unreadable => "it could not be read",
        LeftOut::Xattr => "an extended attribute that images cannot hold; the file is kept",
        LeftOut::XattrWithoutValue => {
            "an extended attribute that is listed and has no value; the file is kept"
        }
    }
}
