// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

mod values;

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::slice;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, Parser, ValueEnum};
use daxfs_format::Timestamp;

use crate::error::{Error, Result};
use crate::options::{
    Boundary, Existing, HugeAlign, Keep, Mode, Mtime, Options, Overrides, PageSize,
};
use crate::source::exclude::Exclude;

/// Build a DAXFS image from a directory tree.
///
/// The image holds the whole tree: every type of file, owners, permissions, modification times to
/// the nanosecond, hard links, extended attributes, ACLs and holes. Files with equal contents share
/// them, small files are packed, large ones are aligned for huge pages, and every content has its
/// SHA-256. The same tree gives the same image, byte for byte.
///
/// The image appears under its name when it is complete and on the disk; a build that fails or is
/// interrupted leaves nothing behind.
#[derive(Debug, Parser)]
#[command(name = "mkdaxfs", version, max_term_width = 100, after_long_help = AFTER)]
pub struct Cli {
    /// The directory whose tree goes into the image
    source: PathBuf,

    /// The image file
    image: PathBuf,

    #[command(flatten)]
    image_options: ImageArgs,

    #[command(flatten)]
    tree: TreeArgs,

    #[command(flatten)]
    layout: LayoutArgs,

    #[command(flatten)]
    run: RunArgs,
}

const AFTER: &str = "\
Environment:
  SOURCE_DATE_EPOCH  Modification times after this one, in seconds since 1970, become it, unless
                     --mtime says otherwise

Exit status:
  0 if the image is there and on disk, 1 if it could not be built, or not be made durable,
  2 if the command line is wrong";

#[derive(Args, Debug)]
#[command(next_help_heading = "Image")]
struct ImageArgs {
    /// Replace IMAGE if it exists
    #[arg(short, long)]
    force: bool,

    /// The label of the image, at most 64 bytes
    #[arg(short = 'L', long, value_parser = values::label)]
    label: Option<[u8; 64]>,

    /// The UUID of the image, instead of one derived from its contents
    #[arg(short = 'U', long, value_parser = values::uuid)]
    uuid: Option<[u8; 16]>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Tree")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct TreeArgs {
    /// Give all files to user 0 and group 0
    #[arg(long, conflicts_with_all = ["force_uid", "force_gid"])]
    all_root: bool,

    /// Give all files to this user
    #[arg(long, value_name = "UID", value_parser = values::owner)]
    force_uid: Option<u32>,

    /// Give all files to this group
    #[arg(long, value_name = "GID", value_parser = values::owner)]
    force_gid: Option<u32>,

    /// Leave out what matches
    ///
    /// A glob with a slash is compared with the path below SOURCE, one without with names at any
    /// depth. With a slash at its end it matches directories only. `*` and `?` stop at slashes,
    /// `**` does not. What is in a directory goes with it. May be repeated.
    #[arg(long, value_name = "GLOB", action = ArgAction::Append)]
    exclude: Vec<String>,

    /// Leave out what matches one of the globs in a file, one a line
    ///
    /// Empty lines and lines that begin with # do not count. May be repeated.
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    exclude_from: Vec<PathBuf>,

    /// Stay on the file system of SOURCE; mount points below it become empty directories
    #[arg(short = 'x', long)]
    one_file_system: bool,

    /// Leave out extended attributes, and ACLs with them
    #[arg(long)]
    no_xattrs: bool,

    /// Set all modification times, in seconds since 1970, with or without a fraction
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    mtime: Option<Timestamp>,

    /// Set only modification times after that of --mtime or SOURCE_DATE_EPOCH
    #[arg(long)]
    clamp_mtime: bool,

    /// From the environment, see [`Cli::complete`].
    #[arg(skip)]
    source_date_epoch: Option<Timestamp>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Layout")]
struct LayoutArgs {
    /// The page that file contents are aligned to: that of the kernels that will map them
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

#[derive(Args, Debug)]
#[command(next_help_heading = "Run")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct RunArgs {
    /// How many threads work, 1024 at most; the default is one for each processor
    #[arg(short = 'j', long, value_name = "N", value_parser = values::threads)]
    threads: Option<NonZeroUsize>,

    /// Write nothing: read the tree, and say what the image would be
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Print nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,

    /// Tell what is done, and what is left out
    #[arg(short, long)]
    verbose: bool,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HugeArg {
    /// Where smaller files fill the gaps, or the file is much larger than they are
    Auto,
    /// Never
    Off,
}

/// What a run prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// Nothing but errors.
    Nothing,
    /// The summary, for people.
    Summary,
    /// The summary, and what is done.
    Everything,
}

/// The definition of the command line, for completions and man pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

impl Cli {
    /// What the command line asks for.
    ///
    /// # Errors
    /// When a file of globs cannot be read.
    pub fn options(&self) -> Result<Options> {
        let keep = |dropped: bool| if dropped { Keep::No } else { Keep::Yes };
        Ok(Options {
            existing: if self.image_options.force {
                Existing::Replace
            } else {
                Existing::Refuse
            },
            label: self.image_options.label.unwrap_or([0; 64]),
            uuid: self.image_options.uuid,
            overrides: self.tree.overrides(),
            exclude: self.tree.globs()?,
            boundary: if self.tree.one_file_system {
                Boundary::Stay
            } else {
                Boundary::Cross
            },
            xattrs: keep(self.tree.no_xattrs),
            page: self.layout.page_size.into(),
            huge_align: self.layout.huge_align.into(),
            pack_below: self.layout.pack_below,
            sharing: keep(self.layout.no_dedup),
            digests: keep(self.layout.no_digests),
            threads: self.run.threads,
            mode: if self.run.dry_run {
                Mode::DryRun
            } else {
                Mode::Write
            },
            ..Options::new(&self.source, &self.image)
        })
    }

    /// What the run prints.
    #[must_use]
    pub fn print(&self) -> Print {
        match (self.run.quiet, self.run.verbose) {
            (true, _) => Print::Nothing,
            (_, true) => Print::Everything,
            _ => Print::Summary,
        }
    }

    /// Whether the summary is printed as JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.run.json
    }

    /// Takes the value of `SOURCE_DATE_EPOCH`, and looks for what clap cannot find wrong by itself.
    /// clap knows variables as the defaults of options only, and would name an option that there is not.
    ///
    /// # Errors
    /// When the value is no time, or options do not go together.
    pub fn complete(mut self, epoch: Option<&OsStr>) -> std::result::Result<Self, clap::Error> {
        let epoch = epoch.map(parse_epoch).transpose()?;
        let tree = &mut self.tree;
        tree.source_date_epoch = epoch;
        if tree.clamp_mtime && tree.mtime.is_none() && epoch.is_none() {
            let message = "--clamp-mtime needs --mtime or SOURCE_DATE_EPOCH";
            return Err(command().error(ErrorKind::MissingRequiredArgument, message));
        }
        Ok(self)
    }
}

/// The time that `SOURCE_DATE_EPOCH` stands for.
fn parse_epoch(value: &OsStr) -> std::result::Result<Timestamp, clap::Error> {
    let text = value.to_string_lossy();
    values::time(&text).map_err(|reason| {
        let message = format!("SOURCE_DATE_EPOCH in the environment is '{text}': {reason}");
        command().error(ErrorKind::ValueValidation, message)
    })
}

impl TreeArgs {
    fn overrides(&self) -> Overrides {
        let root = self.all_root.then_some(0);
        let mtime = match (self.mtime, self.source_date_epoch) {
            (Some(time), _) if self.clamp_mtime => Mtime::Clamp(time),
            (Some(time), _) => Mtime::Set(time),
            (None, Some(time)) => Mtime::Clamp(time),
            (None, None) => Mtime::Keep,
        };
        Overrides {
            uid: self.force_uid.or(root),
            gid: self.force_gid.or(root),
            mtime,
        }
    }

    fn globs(&self) -> Result<Vec<String>> {
        let mut globs = self.exclude.clone();
        for path in &self.exclude_from {
            let text = fs::read_to_string(path).map_err(Error::io("read the globs in", path))?;
            let lines = (1..).zip(text.lines());
            for (number, line) in lines {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let glob = line.to_owned();
                Exclude::new(slice::from_ref(&glob)).map_err(|error| error.at(path, number))?;
                globs.push(glob);
            }
        }
        Ok(globs)
    }
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

impl From<HugeArg> for HugeAlign {
    fn from(when: HugeArg) -> Self {
        match when {
            HugeArg::Auto => Self::Auto,
            HugeArg::Off => Self::Off,
        }
    }
}
