// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command lines of the tools that make images and take them apart.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{process, workspace};

/// A pair of tools: one makes an image of a tree, the other a tree of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archiver {
    /// `mkdaxfs` and `daxfs-fsck --extract`.
    Daxfs,
    /// `mkfs.erofs -x2` and `fsck.erofs --extract`.
    Erofs,
    /// `mksquashfs` without compression, and `unsquashfs`.
    Squashfs,
}

/// Returns the command that builds our tools for release.
pub(crate) fn release_build() -> Command {
    let mut command = process::cargo();
    command.args(["build", "--release", "--bins"]);
    for package in ["mkdaxfs", "daxfs-fsck", "daxfs-inspect"] {
        command.args(["--package", package]);
    }
    command
}

/// Returns the path of the release binary of one of our tools.
pub(crate) fn product(name: &str) -> PathBuf {
    workspace::release_binary(name)
}

impl Archiver {
    /// Returns its name in tables and file names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Daxfs => "daxfs",
            Self::Erofs => "erofs",
            Self::Squashfs => "squashfs",
        }
    }

    /// Returns the command that makes `image` of the tree at `source`.
    pub(crate) fn build(self, source: &Path, image: &Path) -> Command {
        match self {
            Self::Daxfs => with(product("mkdaxfs"), &["--quiet"], [source, image]),
            Self::Erofs => with("mkfs.erofs", &["-x2", "--quiet"], [image, source]),
            Self::Squashfs => {
                let mut command = with("mksquashfs", &[], [source, image]);
                command.args(["-noI", "-noD", "-noF", "-noX", "-noappend"]);
                command.args(["-quiet", "-no-progress"]);
                command
            }
        }
    }

    /// Returns options that leave out files on which the tool fails, so that the rest can be compared.
    pub(crate) fn exclusions(self) -> &'static [&'static str] {
        match self {
            // mkfs.erofs 1.5 cuts the last byte off such a name, and then does not find the file.
            Self::Erofs => &["--exclude-regex=[^/]{255}"],
            Self::Daxfs | Self::Squashfs => &[],
        }
    }

    /// Returns the command that extracts `image` to the new directory `target`.
    pub(crate) fn extract(self, image: &Path, target: &Path) -> Command {
        match self {
            Self::Daxfs => with(
                product("daxfs-fsck"),
                &["--quiet", "--extract"],
                [target, image],
            ),
            Self::Erofs => {
                let mut option = std::ffi::OsString::from("--extract=");
                option.push(target);
                let mut command = Command::new("fsck.erofs");
                command.arg(option).arg(image);
                command
            }
            Self::Squashfs => with(
                "unsquashfs",
                &["-quiet", "-no-progress", "-dest"],
                [target, image],
            ),
        }
    }
}

fn with(program: impl AsRef<std::ffi::OsStr>, options: &[&str], paths: [&Path; 2]) -> Command {
    let mut command = Command::new(program);
    command.args(options).args(paths);
    command
}
