// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports of a run: progress on a terminal, steps, files that are left out, the summary.

pub(crate) mod summary;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use daxfs_cli::number::{plural, size};
use daxfs_cli::program::{Chain, Program};
use daxfs_cli::progress::{self, Progress, Show, Unit};
use mkdaxfs::cli::Print;
use mkdaxfs::{shown, Error, LeftOut, Observer, Phase};

/// The program, for messages.
pub(crate) const PROGRAM: Program = Program::new("mkdaxfs");

/// The observer that reports to standard error.
pub(crate) struct Reporter {
    print: Print,
    progress: Progress,
    /// The sum of the sizes of all regular files, and the bytes of them that are in the image.
    bytes: AtomicU64,
    copied: AtomicU64,
    start: Instant,
    /// Number of files with attributes that the image does not hold.
    foreign: AtomicU64,
}

impl Reporter {
    pub(crate) fn new(print: Print, show: Show) -> Self {
        Self {
            print,
            progress: Progress::new(PROGRAM, show),
            bytes: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            start: Instant::now(),
            foreign: AtomicU64::new(0),
        }
    }

    /// Prints a step, if each is to be printed.
    fn step(&self, text: &str) {
        if self.print == Print::Everything {
            let seconds = self.start.elapsed().as_secs_f64();
            self.progress.print(format_args!("[{seconds:7.3}] {text}"));
        }
    }

    /// Shows the progress of a phase.
    fn show(&self, name: &'static str, title: &'static str, unit: Unit) {
        let (done, total) = match unit {
            Unit::Bytes => {
                let bytes = self.bytes.load(Ordering::Relaxed);
                (self.copied.load(Ordering::Relaxed), Some(bytes))
            }
            Unit::Entries | Unit::Steps => (0, None),
        };
        self.progress.begin(progress::Phase {
            name,
            title,
            unit,
            done,
            total,
        });
    }

    /// Takes the progress off the terminal.
    pub(crate) fn clear(&self) {
        self.progress.clear();
    }

    /// Takes the progress off the terminal, and warns of attributes that the image does not hold.
    pub(crate) fn finish<T>(&self, result: &mkdaxfs::Result<T>) {
        match result {
            Ok(_) => self.progress.end(),
            Err(_) => self.progress.clear(),
        }
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
                self.copied.store(0, Ordering::Relaxed);
                self.show("scan", "scanning", Unit::Entries);
                self.step("scanning the tree");
            }
            Phase::Compare { entries, bytes } => {
                self.bytes.store(bytes, Ordering::Relaxed);
                self.show("compare", "comparing", Unit::Bytes);
                let bytes = size(bytes);
                self.step(&format!("comparing files: {entries} entries, {bytes}"));
            }
            Phase::Copy => {
                self.show("copy", "copying", Unit::Bytes);
                self.step("copying contents");
            }
            Phase::Metadata => {
                self.show("metadata", "describing", Unit::Steps);
                self.step("writing metadata");
            }
            Phase::Publish => {
                self.show("publish", "syncing", Unit::Steps);
                self.step("waiting for the disk");
            }
        }
    }

    fn scanned(&self, entries: u64) {
        self.progress.advance(entries);
    }

    fn advance(&self, bytes: u64) {
        self.copied.fetch_add(bytes, Ordering::Relaxed);
        self.progress.advance(bytes);
    }

    fn unmatched(&self, glob: &str) {
        if self.print != Print::Nothing {
            let glob = shown(Path::new(glob));
            self.progress.print(format_args!(
                "mkdaxfs: warning: the pattern {glob} matches nothing; patterns are compared with \
                 paths in the image"
            ));
        }
    }

    fn skipped(&self, error: &Error) {
        if self.print != Print::Nothing {
            self.progress
                .print(format_args!("mkdaxfs: warning: left out: {}", Chain(error)));
        }
    }

    fn outdated(&self, error: &Error) {
        if self.print != Print::Nothing {
            let error = Chain(error);
            self.progress.print(format_args!(
                "mkdaxfs: warning: {error}; the image has the directory as the scan found it"
            ));
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
