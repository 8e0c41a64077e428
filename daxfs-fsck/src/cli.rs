// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of the command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use daxfs_cli::arguments::{self, Threads};
use daxfs_cli::progress::Show;
use daxfs_image::format::Identity;

use crate::status;

/// Checks a DAXFS image.
///
/// Every rule of the format but the digests of contents is checked, and all checksums and digests of
/// the metadata are compared; with --verify-data also the digests of all contents. Each
/// finding names the object, its offset in the image, its path where it has one, the rule, and the
/// value that breaks it: what the image says, and not what it should say. Superblock and section table say
/// where all else is; if they break a rule, nothing else is checked. The image is never changed.
#[derive(Debug, Parser)]
#[command(name = "daxfs-fsck", version, after_long_help = AFTER_HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Options {
    /// The image: a regular file or a block device
    pub image: PathBuf,

    /// Compare the digests of all contents, too
    #[arg(long)]
    pub verify_data: bool,

    /// Accept exactly the image with this identity, as mkdaxfs and daxfs-inspect print it
    ///
    /// The identity is the SHA-256 of the superblock. It covers the digests of all metadata, which are
    /// always compared, and through them those of the contents: with --verify-data every byte
    /// of the image is known to be right.
    #[arg(long, value_name = "sha256:HEX")]
    pub identity: Option<Identity>,

    /// Write the tree of the image to DIR, which is made, or is empty
    ///
    /// Restored are owners, modes, times, extended attributes, hard links, holes, device nodes, FIFOs
    /// and sockets, for which it takes root. What cannot be restored, as a time that the file system of DIR
    /// cannot hold, is told. An image with findings is not extracted. Whatever
    /// the image holds, nothing outside of DIR is written to. What is there when the extraction
    /// fails, stays there.
    #[arg(long, value_name = "DIR")]
    pub extract: Option<PathBuf>,

    /// Extract to a DIR that is not empty: directories are used again, other files replaced
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

    /// The most memory for tables, of which an image with N inodes takes 8 N bytes
    ///
    /// It keeps a hostile image from taking whatever there is.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = arguments::parse_size)]
    pub max_memory: u64,
}

const AFTER_HELP: &str = "\
Exit status, as in fsck(8); bits may come together:
   0  the image is clean
   4  the image breaks a rule of the format, is no image, or not the one with the identity
   8  the check or the extraction could not be completed
  16  the command line is wrong";

impl Options {
    /// The wish for a progress bar.
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
