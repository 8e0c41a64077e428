// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use daxfs_image::escape::{shown, Charset};

/// Show the objects of a DAXFS image.
///
/// daxfs-inspect shows an image in a regular file or a block device without mounting it. It only
/// reads. It works on damaged images as far as they can be read: a part that cannot be read is
/// reported on standard error with its object, its offset and the broken rule, and the rest is
/// shown.
///
/// Paths are within the image, from its root. `<N>` at the start of a path is the inode N. Control
/// characters in names are shown as \xHH. An image without a command is shown as by `info`.
#[derive(Debug, Parser)]
#[command(
    name = "daxfs-inspect",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_long_help = "EXIT STATUS\n  \
    0  success; diff: the trees are the same\n  \
    1  something is missing or damaged; diff: the trees differ\n  \
    2  wrong usage; diff: something is missing or damaged")]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON, one object a line, as docs/json.md describes it.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show superblock, sections and counts of an image.
    ///
    /// Prints label, UUID, identity and sizes of the image, verifies the checksums of its metadata,
    /// and counts files by type. If the superblock is damaged, its fields are printed as they are.
    Info(ImageArgs),
    /// List directories.
    ///
    /// Lists the entries of each directory PATH, sorted by name, or PATH itself if it is not a
    /// directory. A symlink is listed as such unless a slash follows it. The options are those of
    /// ls(1). Names that begin with a dot are always listed, and owners are numbers.
    Ls(LsArgs),
    /// Show all metadata of files.
    ///
    /// Prints everything that the image states about each PATH: type, mode, owner, size, time,
    /// offset in the image, digest, extended attributes, and the number of files that share its
    /// bytes.
    Stat(PathsArgs),
    /// Print the contents of files.
    ///
    /// Writes the bytes of each PATH to standard output, holes as zeros. Symlinks are followed
    /// within the image. With --json, data and holes are separate objects.
    Cat(PathsArgs),
    /// Show a directory tree.
    ///
    /// Prints everything below PATH, or below the root, as an indented tree, sorted by name, and
    /// counts directories and files. Below a depth of 64 the depth is a number.
    Tree(TreeArgs),
    /// Show the layout of contents and its cost.
    ///
    /// Prints totals that account for every byte of the image, the contents grouped by layout and
    /// size, and the largest contents. With --all, or if PATH is a file, each extent is printed in
    /// the order of the image: offset, length, layout, the number of 2 MiB pages that map it, the
    /// padding after it, the number of files that have the content, and a path. With PATH, only the
    /// file or the files below the directory are shown.
    Map(MapArgs),
    /// Print all metadata as text.
    ///
    /// Prints every field of every structure, one record a line, in a stable form: two images have
    /// the same dump only if they have the same metadata. The form is described in docs/dump.md.
    /// The complete structural check runs afterwards, and its findings are reported.
    Dump(ImageArgs),
    /// Compare the trees of two images.
    ///
    /// Prints paths that were removed from A (-), added in B (+) or changed (~): type, mode, owner,
    /// time, links, device, symlink target, extended attributes, size and content. Contents are
    /// compared by their digests. They are read only if an image states no digests, or if a file is
    /// sparse.
    Diff(DiffArgs),
    /// Show memory of this machine that can hold an image.
    ///
    /// Lists memory for the mount option phys=: memory BARs of PCI devices, memory that was
    /// reserved at boot, pmem and DAX devices, each of at least 2 MiB, with the obstacle to a
    /// mount, the image in it, and the command that mounts it. Memory is read only if that is safe:
    /// not the memory of a device with a driver, and not a BAR whose reads may have side effects.
    /// Some of it is visible to root only.
    Devices,
}

/// Arguments of a command for an image as a whole.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// The image: a regular file or a block device.
    pub image: PathBuf,
}

/// Arguments of a command for some paths.
#[derive(Debug, Args)]
pub struct PathsArgs {
    /// The image: a regular file or a block device.
    pub image: PathBuf,
    /// Paths in the image.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<OsString>,
}

/// Arguments of `ls`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct LsArgs {
    /// The image: a regular file or a block device.
    pub image: PathBuf,
    /// Paths in the image; the root by default.
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
    /// Show type and mode, links, owner, size and time (UTC). A + marks extended attributes.
    #[arg(short, long)]
    pub long: bool,
    /// The same as --long: owners are always numbers.
    #[arg(short = 'n', long)]
    pub numeric_uid_gid: bool,
    /// List directories below PATH too.
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// List a directory PATH itself, not its entries.
    #[arg(short, long, conflicts_with = "recursive")]
    pub directory: bool,
    /// Show inode numbers.
    #[arg(short, long)]
    pub inode: bool,
    /// Append / to directories, @ to symlinks, * to programs, | to FIFOs and = to sockets.
    #[arg(short = 'F', long)]
    pub classify: bool,
    /// Sort by time, the newest first.
    #[arg(short = 't')]
    pub time: bool,
    /// Sort by size, the largest first.
    #[arg(short = 'S', overrides_with = "time")]
    pub size: bool,
    /// Reverse the order.
    #[arg(short, long)]
    pub reverse: bool,
    /// Show sizes to the byte.
    #[arg(short, long)]
    pub bytes: bool,
    /// Show sizes with a unit. This is the default.
    #[arg(short = 'h', long, overrides_with = "bytes")]
    pub human_readable: bool,
    /// List names that begin with a dot too. This is the default.
    #[arg(short, long)]
    pub all: bool,
    /// The same as --all.
    #[arg(short = 'A', long)]
    pub almost_all: bool,
    /// Print one name a line. This is the default.
    #[arg(short = '1')]
    pub one: bool,
    /// Print help.
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

impl LsArgs {
    /// Returns true if more than the name is shown.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.long || self.numeric_uid_gid
    }
}

/// Arguments of `tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// The image: a regular file or a block device.
    pub image: PathBuf,
    /// A path in the image; the root by default.
    pub path: Option<OsString>,
    /// Descend into this many levels of directories.
    #[arg(short = 'L', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub level: Option<u32>,
    /// Show directories only.
    #[arg(short, long)]
    pub directories: bool,
}

/// Arguments of `map`.
#[derive(Debug, Args)]
pub struct MapArgs {
    /// The image: a regular file or a block device.
    pub image: PathBuf,
    /// A path in the image; the root by default.
    pub path: Option<OsString>,
    /// Print the totals only.
    #[arg(short, long, conflicts_with = "all")]
    pub summary: bool,
    /// Print every extent.
    #[arg(short, long)]
    pub all: bool,
    /// Show sizes to the byte.
    #[arg(short, long)]
    pub bytes: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The old image.
    pub a: PathBuf,
    /// The new image.
    pub b: PathBuf,
    /// Print errors only; the exit status says whether the trees differ.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Parses the arguments after the program's name. An image without a command gets `info`.
///
/// # Errors
/// A command line that is wrong, or asks for help.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let parse = |arguments: &[OsString]| {
        let name = OsString::from("daxfs-inspect");
        Cli::try_parse_from([&[name], arguments].concat())
    };
    parse(arguments).or_else(|error| {
        let is_option = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
        let first = arguments.iter().position(|argument| !is_option(argument));
        let Some(first) = first.filter(|_| error.kind() == ErrorKind::InvalidSubcommand) else {
            return Err(error);
        };
        let is_file = PathBuf::from(&arguments[first]).exists();
        let next = arguments[first + 1..].iter().find(|next| !is_option(next));
        match next {
            _ if !is_file => Err(error),
            None => {
                let mut arguments = arguments.to_vec();
                arguments.insert(first, "info".into());
                parse(&arguments)
            }
            Some(next) => Err(misplaced(&arguments[first], next)),
        }
    })
}

/// The error for an image before the command.
fn misplaced(image: &OsString, next: &OsString) -> clap::Error {
    let shown = |text: &OsString| shown(text.as_encoded_bytes(), Charset::Utf8);
    let (image, next) = (shown(image), shown(next));
    command().error(
        ErrorKind::InvalidSubcommand,
        format!("'{image}' is not a command; an image follows the command: {next} {image}"),
    )
}

/// The definition of the command line, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_is_explained() {
        for command in command().get_subcommands() {
            assert!(command.get_long_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument
                );
            }
        }
    }
}
