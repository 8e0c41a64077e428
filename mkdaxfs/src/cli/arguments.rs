// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options, group by group, and their meaning for a build.

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use clap::{ArgAction, Args, ValueEnum};
use daxfs_cli::arguments::Threads;
use daxfs_cli::progress::ProgressArgs;
use daxfs_format::Timestamp;

use super::values;
use crate::error::{Error, Result};
use crate::options::{
    Boundary, Existing, HugeAlign, Keep, Mode, Mtime, Options, PageSize, Unreadable,
};
use crate::source::exclude::Exclude;

#[derive(Args, Debug)]
#[command(next_help_heading = "Image")]
pub(super) struct ImageArgs {
    /// Replace IMAGE if it exists
    #[arg(short, long)]
    force: bool,

    /// Label of the image, at most 64 bytes
    #[arg(short = 'L', long, value_parser = values::label)]
    label: Option<[u8; 64]>,

    /// UUID of the image, instead of one derived from its contents
    #[arg(short = 'U', long, value_parser = values::uuid)]
    uuid: Option<[u8; 16]>,
}

impl ImageArgs {
    pub(super) fn apply(&self, options: &mut Options) {
        if self.force {
            options.existing = Existing::Replace;
        }
        options.label = self.label.unwrap_or([0; 64]);
        options.uuid = self.uuid;
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Tree")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct TreeArgs {
    /// Leave out files that match
    ///
    /// A glob with a slash is compared with the path below SOURCE, one without with names at any
    /// depth. With a slash at its end it matches directories only. `*` and `?` stop at slashes,
    /// `**` does not, and `{a,b}` matches `a` or `b`. `?` is one byte. The files in a directory go
    /// with it, and may change during the build. May be repeated.
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    exclude: Vec<String>,

    /// Leave out files that match one of the globs in a file, one a line
    ///
    /// Empty lines and lines that begin with # do not count. May be repeated.
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    exclude_from: Vec<PathBuf>,

    /// Stay on the file system of SOURCE; mount points below it become empty directories
    #[arg(short = 'x', long)]
    one_file_system: bool,

    /// Leave out files that cannot be read, vanish or change during the build, each with a warning
    ///
    /// The exit status is 0. A file that is found so after the scan makes the build begin anew.
    /// Without this option all unreadable files are named, and no image is written.
    #[arg(long)]
    ignore_failed_read: bool,

    /// Store files with several names as often as they have names
    #[arg(long)]
    hard_dereference: bool,

    /// Set all modification times
    ///
    /// In seconds since 1970, with or without a fraction, with or without @ before them, or as a
    /// date such as 2024-02-29, 2024-02-29T12:00:00Z or 2024-02-29 12:00:00.5+01:00. A date without
    /// an offset is in UTC.
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(super) mtime: Option<Timestamp>,

    /// Set only modification times after that of --mtime or SOURCE_DATE_EPOCH
    #[arg(long)]
    pub(super) clamp_mtime: bool,

    /// From the environment, see [`Cli::complete`](super::Cli::complete).
    #[arg(skip)]
    pub(super) source_date_epoch: Option<Timestamp>,
}

impl TreeArgs {
    pub(super) fn apply(&self, options: &mut Options) -> Result<()> {
        options.overrides.mtime = self.mtime_override();
        options.exclude = self.globs()?;
        if self.one_file_system {
            options.boundary = Boundary::Stay;
        }
        if self.ignore_failed_read {
            options.unreadable = Unreadable::LeaveOut;
        }
        if self.hard_dereference {
            options.hard_links = Keep::No;
        }
        Ok(())
    }

    fn mtime_override(&self) -> Mtime {
        match (self.mtime, self.source_date_epoch) {
            (Some(time), _) if self.clamp_mtime => Mtime::Clamp(time),
            (Some(time), _) => Mtime::Set(time),
            (None, Some(time)) => Mtime::Clamp(time),
            (None, None) => Mtime::Keep,
        }
    }

    fn globs(&self) -> Result<Vec<String>> {
        let mut globs = self.exclude.clone();
        for path in &self.exclude_from {
            read_globs(path, &mut globs)?;
        }
        Ok(globs)
    }
}

/// Appends the globs in a file, and checks each, so that an error can name its line.
fn read_globs(path: &Path, globs: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(path).map_err(Error::io("read the globs in", path))?;
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let glob = line.to_owned();
        Exclude::new(slice::from_ref(&glob)).map_err(|error| error.at(path, number))?;
        globs.push(glob);
    }
    Ok(())
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Layout")]
pub(super) struct LayoutArgs {
    /// Page that file contents are aligned to: that of the kernels that will map them
    #[arg(
        long,
        value_name = "SIZE",
        value_enum,
        default_value = "4K",
        ignore_case = true
    )]
    page_size: PageArg,

    /// Align files of 2 MiB and more for huge pages, where that costs little
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    huge_align: HugeArg,

    /// Pack regular files of fewer bytes, unless they are executable or ELF
    ///
    /// Packed files cost no padding, and are mapped through the page cache. 0 packs none; the
    /// default is a page and a quarter; the most is 64K.
    #[arg(long, value_name = "SIZE", value_parser = values::pack_below)]
    pack_below: Option<u64>,

    /// Store equal contents as often as they occur
    #[arg(long)]
    no_dedup: bool,

    /// Leave out the digests of contents
    #[arg(long)]
    no_digests: bool,
}

impl LayoutArgs {
    pub(super) fn apply(&self, options: &mut Options) {
        options.page = self.page_size.into();
        options.huge_align = self.huge_align.into();
        options.pack_below = self.pack_below;
        if self.no_dedup {
            options.sharing = Keep::No;
        }
        if self.no_digests {
            options.digests = Keep::No;
        }
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Run")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    threads: Threads,

    /// Write nothing: read the tree, and say what the image would be
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Print each step, and each file that is left out
    #[arg(short, long)]
    pub(super) verbose: bool,

    #[command(flatten)]
    pub(super) progress: ProgressArgs,

    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl RunArgs {
    pub(super) fn apply(&self, options: &mut Options) {
        options.threads = self.threads.threads;
        if self.dry_run {
            options.mode = Mode::DryRun;
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PageArg {
    #[value(name = "4K", alias = "4096")]
    K4,
    #[value(name = "16K", alias = "16384")]
    K16,
    #[value(name = "64K", alias = "65536")]
    K64,
}

impl From<PageArg> for PageSize {
    fn from(page: PageArg) -> Self {
        match page {
            PageArg::K4 => Self::K4,
            PageArg::K16 => Self::K16,
            PageArg::K64 => Self::K64,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HugeArg {
    /// If smaller files fill the gap, or the file is much larger than the gap
    Auto,
    /// Never
    Off,
}

impl From<HugeArg> for HugeAlign {
    fn from(when: HugeArg) -> Self {
        match when {
            HugeArg::Auto => Self::Auto,
            HugeArg::Off => Self::Off,
        }
    }
}
