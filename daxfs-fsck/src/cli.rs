// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of the command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use daxfs_cli::arguments::{self, Threads};
use daxfs_cli::progress::Show;
use daxfs_image::format::Identity;

use crate::extract::Existing;
use crate::status;

/// Checks a DAXFS image.
///
/// Checks every rule of the format except the digests of contents, and compares all checksums and
/// digests of the metadata; with --verify-data also the digests of all contents. Each finding names
/// the object, its offset in the image, its path if it has one, the rule, and the stated value that
/// breaks it. If superblock or section table break a rule, nothing else can be located and nothing
/// else is checked. The image is never changed.
#[derive(Debug, Parser)]
#[command(name = "daxfs-fsck", version, after_long_help = AFTER_HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Options {
    /// The image: a regular file or a block device
    pub image: PathBuf,

    /// Compare the digests of all contents too
    #[arg(long)]
    pub verify_data: bool,

    /// Accept exactly the image with this identity, as mkdaxfs and daxfs-inspect print it
    ///
    /// The identity is the SHA-256 of the superblock. It covers the digests of all metadata, which
    /// are always compared, and through them those of the contents: with --verify-data every byte
    /// of the image is verified.
    #[arg(long, value_name = "sha256:HEX")]
    pub identity: Option<Identity>,

    /// Write the tree of the image to DIR, which is created or must be empty
    ///
    /// Restores owners, modes, times, extended attributes, hard links, holes, device nodes, FIFOs
    /// and sockets; some of these require root. Attributes that cannot be restored, such as a time
    /// that the file system of DIR cannot hold, are reported. An image with findings is not
    /// extracted. Whatever the image holds, nothing outside of DIR is written. Files that were
    /// extracted before a failure remain.
    #[arg(long, value_name = "DIR")]
    pub extract: Option<PathBuf>,

    /// Extract to a DIR that is not empty: directories are reused, other files are replaced
    #[arg(short, long, requires = "extract")]
    pub force: bool,

    /// Print the result as a JSON object
    #[arg(long)]
    pub json: bool,

    /// Print findings and errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print what was checked and how long it took
    #[arg(short, long)]
    pub verbose: bool,

    /// The threads of --verify-data and --extract
    #[command(flatten)]
    pub threads: Threads,

    /// Limit of the memory for tables; an image with N inodes needs 8 N bytes
    ///
    /// The limit keeps a hostile image from exhausting memory.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = arguments::parse_size)]
    pub max_memory: u64,
}

const AFTER_HELP: &str = "\
Exit status, as in fsck(8); bits may be combined:
   0  the image is clean
   4  the image breaks a rule, is not a DAXFS image, or has another identity
   8  the check or the extraction could not be completed
  16  the command line is wrong";

impl Options {
    /// The treatment of files that exist in the target of an extraction.
    #[must_use]
    pub fn existing(&self) -> Existing {
        if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        }
    }

    /// When the progress bar is shown.
    #[must_use]
    pub fn progress(&self) -> Show {
        if self.quiet {
            Show::Never
        } else {
            Show::OnTerminal
        }
    }
}

/// The command, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Options::command()
}

/// Parses the command line. Help goes to standard output and errors to standard error.
///
/// # Errors
/// The exit status when there is nothing to run.
pub fn parse() -> Result<Options, ExitCode> {
    arguments::parse(status::USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
    }
}
