// SPDX-License-Identifier: MIT OR Apache-2.0
//! The options of the command.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory, Parser};
use daxfs_cli::arguments::{self, Threads};
use daxfs_cli::progress::{ProgressArgs, Show};
use daxfs_image::format::Identity;
use rustix::fs::Mode;

use crate::extract::{Existing, Modes, Owners, Restore, Xattrs};
use crate::{fsck, status};

/// Checks a DAXFS image.
///
/// Checks every rule of the format except the digests of contents, and compares all checksums and
/// digests of the metadata; with --verify-data also the digests of all contents. Each finding names
/// the object, its offset in the image, its path if it has one, the rule, and the stated value that
/// breaks it. If superblock or section table break a rule, nothing else can be located and nothing
/// else is checked. The image is never changed.
#[derive(Debug, Parser)]
#[command(name = "daxfs-fsck", version, after_long_help = AFTER_HELP)]
#[command(group(ArgGroup::new("output").args(["extract", "tar"])))]
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
    /// and sockets; some of these require root. Properties that cannot be restored, such as a time
    /// that the file system of DIR cannot hold, are reported, in one line for each kind. An image
    /// with findings is not extracted. Whatever the image holds, nothing outside of DIR is written.
    /// Files that were extracted before a failure remain; with --force the extraction can be
    /// repeated.
    #[arg(long, value_name = "DIR")]
    pub extract: Option<PathBuf>,

    /// Write the tree of the image to FILE as a tar archive; - is standard output
    ///
    /// The archive is in pax format and has numeric owners, times to the nanosecond, extended
    /// attributes, ACLs, hard links, holes, device nodes and FIFOs; `tar --xattrs
    /// --xattrs-include='*' --acls -x` restores them all. Sockets are left out. The same image gives
    /// the same archive. An image with findings is not archived. FILE appears under its name when
    /// it is complete.
    #[arg(long, value_name = "FILE")]
    pub tar: Option<PathBuf>,

    /// Extract or archive PATH only, with everything below it and the directories above it
    ///
    /// May be given more than once. PATH is one of the image, in which symlinks are followed except
    /// at the end, or else a glob: `*` and `?` match within a name, `**` any number of directories,
    /// `[abc]` one of the characters, `{a,b}` one of the alternatives. A PATH that names nothing is
    /// an error.
    #[arg(long, value_name = "PATH", requires = "output")]
    pub path: Vec<OsString>,

    /// Extract to a DIR that is not empty, or replace an existing FILE
    ///
    /// Directories in DIR are reused, other files are replaced. A reused directory keeps only the
    /// attributes that it has in the image.
    #[arg(short, long, requires = "output")]
    pub force: bool,

    /// Restore owners; the default for root
    #[arg(long, requires = "extract", conflicts_with = "no_same_owner")]
    pub same_owner: bool,

    /// Let all files belong to the user who extracts; the default for users other than root
    ///
    /// Files of other owners do not receive their set-ID bits.
    #[arg(long, requires = "extract")]
    pub no_same_owner: bool,

    /// Apply the umask to modes, and do not restore set-ID and sticky bits
    #[arg(long, requires = "extract")]
    pub no_same_permissions: bool,

    /// Leave out extended attributes and ACLs
    #[arg(long, requires = "output")]
    pub no_xattrs: bool,

    /// Print the result as a JSON object
    #[arg(long)]
    pub json: bool,

    /// Print findings and errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print what was checked and how long it took
    #[arg(short, long)]
    pub verbose: bool,

    /// The form of the progress
    #[command(flatten)]
    pub progress: ProgressArgs,

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
   8  the check, the extraction or the archive could not be completed
  16  the command line is wrong
  64  the extraction was completed, but the target does not hold every owner, mode, time,
      attribute, device, link and name; or an archive lacks sockets; fsck(8) has no such bit";

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

    /// True if standard output is the archive, so that reports go to standard error.
    #[must_use]
    pub fn archives_to_output(&self) -> bool {
        self.tar
            .as_ref()
            .is_some_and(|file| file.as_os_str() == "-")
    }

    /// The properties that an extraction restores.
    #[must_use]
    pub fn restore(&self) -> Restore {
        let of_image = if rustix::process::geteuid().is_root() {
            !self.no_same_owner
        } else {
            self.same_owner
        };
        Restore {
            owners: if of_image {
                Owners::OfImage
            } else {
                Owners::OfUser
            },
            modes: if self.no_same_permissions {
                Modes::Masked(umask())
            } else {
                Modes::OfImage
            },
            xattrs: if self.no_xattrs {
                Xattrs::LeaveOut
            } else {
                Xattrs::Keep
            },
        }
    }

    /// The form of the progress.
    #[must_use]
    pub fn show(&self) -> Show {
        if self.quiet {
            self.progress.quiet()
        } else {
            self.progress.show()
        }
    }
}

/// The umask of this process. It can only be read by setting another one.
fn umask() -> u16 {
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    u16::try_from(umask.bits() & 0o777).unwrap_or_default()
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
    let options: Options = arguments::parse_from(fsck::arguments(env::args_os()), status::USAGE)?;
    if options.json && options.archives_to_output() {
        let text = "--json and an archive cannot both go to standard output";
        let error = command().error(ErrorKind::ArgumentConflict, text);
        return Err(arguments::refuse(
            &error,
            command().get_name(),
            status::USAGE,
        ));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
    }
}
