// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.
//!
//! | module | owns |
//! |---|---|
//! | `arguments` | the options, and their meaning for a build |
//! | `metadata` | options that change owners and extended attributes |
//! | `names` | names of users and groups, which are those of the image |
//! | `values` | parsing the values of options |

mod arguments;
mod metadata;
mod names;
mod values;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use daxfs_cli::progress::Show;
use daxfs_format::Timestamp;

use self::arguments::{ImageArgs, LayoutArgs, RunArgs, TreeArgs};
use self::metadata::{OwnerArgs, XattrArgs};
use crate::error::Result;
use crate::options::{Options, SourceSpec};

/// Build a DAXFS image from directory trees.
///
/// The image holds the whole tree: every type of file, owners, permissions, modification times to
/// the nanosecond, hard links, extended attributes, ACLs and holes. Files with equal contents share
/// them, small files are packed, large ones are aligned for huge pages, and every content has its
/// SHA-256. The same tree gives the same image, byte for byte.
///
/// The image appears under its name when it is complete and on the disk. A build that fails or is
/// interrupted leaves nothing behind.
#[derive(Debug, Parser)]
#[command(name = "mkdaxfs", version, max_term_width = 100, after_long_help = AFTER)]
#[command(override_usage = "mkdaxfs [OPTIONS] [PREFIX=]SOURCE... IMAGE")]
pub struct Cli {
    /// Directories whose trees go into the image, as DIRECTORY or PREFIX=DIRECTORY, and the image
    ///
    /// With a prefix a directory gets this path in the image. There may be several sources, such as
    /// `usr=/srv/usr etc/app=conf`. Parents of a prefix that no source has are made: user 0,
    /// group 0, mode 755, time 0. What two sources have is an error. A directory whose name has a
    /// `=` is written `./a=b`.
    ///
    /// IMAGE is a file, or - for standard output. In a dry run of one source it may be missing. A
    /// file that exists is replaced with --force, as a whole and under this name only. A symbolic
    /// link is followed. A block device is overwritten with --force, if nothing uses it. A FIFO gets
    /// the bytes as standard output does. Streams and devices get the image when it is complete;
    /// until then it is a file without a name in TMPDIR or /var/tmp.
    #[arg(required = true, value_name = "SOURCE... IMAGE")]
    paths: Vec<OsString>,

    /// The last of the paths, see [`Cli::complete`].
    #[arg(skip)]
    image: Option<PathBuf>,

    #[command(flatten)]
    image_options: ImageArgs,

    #[command(flatten)]
    tree: TreeArgs,

    #[command(flatten)]
    owners: OwnerArgs,

    #[command(flatten)]
    xattrs: XattrArgs,

    #[command(flatten)]
    layout: LayoutArgs,

    #[command(flatten)]
    run: RunArgs,
}

const AFTER: &str = "\
Environment:
  SOURCE_DATE_EPOCH  Modification times after this one, in seconds since 1970, become it, unless
                     --mtime says otherwise
  TMPDIR             Directory of the image until it is complete, if it goes to standard output, a
                     FIFO or a block device; /var/tmp if it is not set

Exit status:
  0 if the image is there and on disk, 1 if it could not be built, or not be made durable,
  2 if the command line is wrong";

/// Amount of output of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print {
    /// Errors only.
    Nothing,
    /// The summary as text.
    Summary,
    /// The summary, and each step.
    Everything,
}

/// The definition of the command line, for completions and man pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

impl Cli {
    /// The build that the command line asks for.
    ///
    /// # Errors
    /// When a file of globs cannot be read.
    pub fn options(&self) -> Result<Options> {
        let sources = self.paths.iter().map(|source| SourceSpec::parse(source));
        let mut options = Options {
            sources: sources.collect(),
            ..Options::new("", self.image())
        };
        self.image_options.apply(&mut options);
        self.tree.apply(&mut options)?;
        self.owners.apply(&mut options)?;
        self.xattrs.apply(&mut options);
        self.layout.apply(&mut options);
        self.run.apply(&mut options);
        Ok(options)
    }

    /// The path of the image, empty if it has none.
    fn image(&self) -> &Path {
        match self.image.as_deref() {
            Some(image) if image == Path::new("-") => Path::new(Options::STDOUT),
            image => image.unwrap_or(Path::new("")),
        }
    }

    /// The amount of output.
    #[must_use]
    pub fn print(&self) -> Print {
        match (self.run.quiet, self.run.verbose) {
            (true, _) => Print::Nothing,
            (_, true) => Print::Everything,
            _ => Print::Summary,
        }
    }

    /// The form of the progress.
    #[must_use]
    pub fn show(&self) -> Show {
        match self.print() {
            Print::Nothing => self.run.progress.quiet(),
            Print::Summary | Print::Everything => self.run.progress.show(),
        }
    }

    /// Returns true if the summary is to be printed as JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.run.json
    }

    /// Takes the value of `SOURCE_DATE_EPOCH` and the image, and checks what clap cannot check
    /// itself: it knows variables as defaults of options only, and would name an option that does
    /// not exist; and it has no last path that is needed sometimes.
    ///
    /// # Errors
    /// When the value is not a time, or options do not go together.
    pub fn complete(mut self, epoch: Option<&OsStr>) -> std::result::Result<Self, clap::Error> {
        let epoch = epoch.map(parse_epoch).transpose()?;
        let tree = &mut self.tree;
        tree.source_date_epoch = epoch;
        if tree.clamp_mtime && tree.mtime.is_none() && epoch.is_none() {
            let message = "--clamp-mtime needs --mtime or SOURCE_DATE_EPOCH";
            return Err(command().error(ErrorKind::MissingRequiredArgument, message));
        }
        let checked = self.owners.check().and_then(|()| self.xattrs.check());
        checked.map_err(|reason| command().error(ErrorKind::ValueValidation, reason))?;
        if self.paths.len() > 1 {
            self.image = self.paths.pop().map(PathBuf::from);
        } else if !self.run.dry_run {
            let message = "IMAGE is missing: mkdaxfs SOURCE... IMAGE; only a dry run needs none";
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
