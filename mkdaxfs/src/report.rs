// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people see: progress on a terminal, what is done and left out, the summary.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use mkdaxfs::cli::Print;
use mkdaxfs::{shown, LeftOut, Observer, Phase, Summary};

/// The observer that reports to standard error.
pub(crate) struct Reporter {
    print: Print,
    bar: ProgressBar,
    start: Instant,
    /// How many files have attributes that are not in the image.
    foreign: AtomicU64,
}

impl Reporter {
    /// A bar only where somebody watches.
    pub(crate) fn new(print: Print) -> Self {
        let watched = io::stderr().is_terminal() && print != Print::Nothing;
        let bar = if watched {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        let style = "{msg:10} [{wide_bar}] {bytes}/{total_bytes} {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            print,
            bar,
            start: Instant::now(),
            foreign: AtomicU64::new(0),
        }
    }

    fn tell(&self, text: &str) {
        if self.print == Print::Everything {
            let seconds = self.start.elapsed().as_secs_f64();
            // Nobody can be told that standard error is closed.
            self.bar.suspend(|| {
                let _ = writeln!(io::stderr(), "[{seconds:7.3}] {text}");
            });
        }
    }

    /// Takes the bar off the terminal, and warns of what was lost.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        let foreign = self.foreign.load(Ordering::Relaxed);
        if foreign != 0 && self.print != Print::Nothing {
            // Nobody can be told that standard error is closed.
            let _ = writeln!(io::stderr(), "{}", foreign_warning(foreign));
        }
    }
}

impl Observer for Reporter {
    fn phase(&self, phase: Phase) {
        match phase {
            Phase::Scan => {
                self.bar.set_message("scanning");
                self.bar.enable_steady_tick(Duration::from_millis(200));
                self.tell("scanning the tree");
            }
            Phase::Compare { entries, bytes } => {
                self.bar.set_length(bytes);
                self.bar.set_message("comparing");
                self.tell(&format!(
                    "comparing files: {entries} entries, {}",
                    HumanBytes(bytes)
                ));
            }
            Phase::Copy => {
                self.bar.set_message("copying");
                self.tell("copying contents");
            }
            Phase::Metadata => self.tell("writing metadata"),
            Phase::Publish => {
                self.bar.set_message("syncing");
                self.tell("waiting for the disk");
            }
        }
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn left_out(&self, path: &Path, why: LeftOut) {
        if why == LeftOut::Xattr {
            self.foreign.fetch_add(1, Ordering::Relaxed);
        }
        let why = match why {
            LeftOut::Excluded => "a pattern matches",
            LeftOut::Image => "it is the image that is being replaced",
            LeftOut::OtherFileSystem => "it is on another file system",
            LeftOut::Mounted => "what is mounted here; the directory is kept",
            LeftOut::Xattr => "an extended attribute that images cannot hold; the file is kept",
        };
        self.tell(&format!("left out: {}: {why}", shown(path)));
    }
}

/// That so many files have attributes that images cannot hold.
fn foreign_warning(files: u64) -> String {
    format!(
        "mkdaxfs: warning: extended attributes outside of user, trusted, security and POSIX ACLs are not in \
         the image: {}; -v names them",
        plural(files, "file")
    )
}

/// Prints a summary for people.
pub(crate) fn print_summary(image: &Path, summary: &Summary, written: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let s = summary;
    let bytes = |count: u64| HumanBytes(count).to_string();
    let verb = if written { "" } else { " would be" };
    writeln!(
        out,
        "{}:{verb} {} ({} bytes)",
        shown(image),
        bytes(s.image_bytes),
        s.image_bytes
    )?;
    writeln!(
        out,
        "  tree      {}: {}, {}, {}, {} special, {}",
        plural(s.inodes, "inode"),
        plural(s.files, "file"),
        plural(s.directories, "directory"),
        plural(s.symlinks, "symlink"),
        s.special,
        plural(s.entries.saturating_sub(s.inodes), "more hard link"),
    )?;
    writeln!(
        out,
        "  contents  {} in files; {} shared by {}; {} packed in {}",
        bytes(s.content_bytes),
        bytes(s.shared_bytes),
        plural(s.shared_files, "file"),
        bytes(s.packed_bytes),
        plural(s.packed_contents, "file")
    )?;
    writeln!(
        out,
        "  sparse    {} with {} of holes",
        plural(s.sparse_files, "file"),
        bytes(s.hole_bytes)
    )?;
    writeln!(
        out,
        "  padding   {} to page ends, {} for alignment",
        bytes(s.tail_bytes),
        bytes(s.padding_bytes)
    )?;
    writeln!(
        out,
        "  mappable  {}, of which {} by huge pages ({:.0} %)",
        bytes(s.mappable_bytes),
        bytes(s.huge_bytes),
        percent(s.huge_bytes, s.mappable_bytes)
    )?;
    writeln!(
        out,
        "  metadata  {}, {} bytes an entry",
        bytes(s.metadata_bytes),
        s.metadata_bytes.checked_div(s.entries).unwrap_or(0)
    )?;
    writeln!(out, "  uuid      {}", s.uuid)?;
    writeln!(out, "  identity  {}", s.identity)?;
    writeln!(out, "  time      {:.2} s", s.seconds)
}

/// A number with its noun.
fn plural(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// How much of the whole a part is, in percent.
fn percent(part: u64, whole: u64) -> f64 {
    // Halves of 32 bits keep the digits that are printed.
    let scaled = u128::from(part) * 10_000 / u128::from(whole.max(1));
    u32::try_from(scaled).map_or(100.0, |scaled| f64::from(scaled) / 100.0)
}

/// Prints a summary for programs.
pub(crate) fn print_json(summary: &Summary) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, summary)?;
    writeln!(out)
}
