// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tools that are compared, and the paths of their output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::roundtrip::Archiver;
use crate::tree;

/// A tool that archives a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    /// A tool that makes file system images.
    Image(Archiver),
    /// `tar cf`, which checks and shares nothing.
    Tar,
    /// `cp -a`, an ordinary copy.
    Copy,
}

/// All contenders, ours first.
pub(super) const ALL: [Contender; 5] = [
    Contender::Image(Archiver::Daxfs),
    Contender::Image(Archiver::Erofs),
    Contender::Image(Archiver::Squashfs),
    Contender::Tar,
    Contender::Copy,
];

impl Contender {
    /// Returns the command as a user would name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Image(Archiver::Daxfs) => "mkdaxfs",
            Self::Image(Archiver::Erofs) => "mkfs.erofs -x2",
            Self::Image(Archiver::Squashfs) => "mksquashfs, no compression",
            Self::Tar => "tar cf",
            Self::Copy => "cp -a",
        }
    }

    /// Returns the path of its output in `dir`.
    pub(super) fn output(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Image(archiver) => archiver.name(),
            Self::Tar => "tar",
            Self::Copy => "copy",
        })
    }

    /// Returns the command that makes its output in `dir` of the tree at `source`.
    pub(super) fn command(self, source: &Path, dir: &Path) -> Command {
        let output = self.output(dir);
        match self {
            Self::Image(archiver) => archiver.build(source, &output),
            Self::Tar => {
                let mut command = Command::new("tar");
                command
                    .arg("-cf")
                    .arg(output)
                    .arg("-C")
                    .arg(source)
                    .arg(".");
                command
            }
            Self::Copy => {
                let mut command = Command::new("cp");
                command.arg("-a").arg(source).arg(output);
                command
            }
        }
    }

    /// Removes its output from `dir`, if it is there.
    pub(super) fn clean(self, dir: &Path) -> Result<()> {
        let output = self.output(dir);
        match self {
            Self::Copy => tree::remove(&output),
            _ if output.exists() => Ok(fs::remove_file(output)?),
            _ => Ok(()),
        }
    }

    /// Returns the size of its output in bytes, or `None` for a directory.
    pub(super) fn size(self, dir: &Path) -> Result<Option<u64>> {
        let metadata = fs::metadata(self.output(dir))?;
        Ok(metadata.is_file().then_some(metadata.len()))
    }
}
