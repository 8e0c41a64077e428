// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tools that are compared, and the paths of their output.
//!
//! The peers run with the options that make them fastest for uncompressed images on two cores:
//! mkfs.erofs with one worker a core, its default; mksquashfs with one block processor a core, its
//! default, and one reader. Its default of several readers takes 1.6 s of processor time for the
//! Debian tree instead of 1.1 s.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::peers::Tools;
use crate::roundtrip::Archiver;
use crate::tree;

/// Hashing of the contents of all files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashing {
    /// Every content is hashed and its digest stored.
    Every,
    /// Nothing is hashed.
    None,
}

/// A tool that archives a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    /// mkdaxfs.
    Daxfs(Hashing),
    /// mkfs.erofs.
    Erofs(Hashing),
    /// mksquashfs, which compares contents by a checksum of 16 bits.
    Squashfs,
    /// `tar cf`, which checks and shares nothing.
    Tar,
    /// `cp -a`, an ordinary copy.
    Copy,
}

/// All contenders, ours with its defaults first. Tools that are compared run one after the other.
pub(super) const ALL: [Contender; 7] = [
    Contender::Daxfs(Hashing::Every),
    Contender::Erofs(Hashing::Every),
    Contender::Daxfs(Hashing::None),
    Contender::Erofs(Hashing::None),
    Contender::Squashfs,
    Contender::Tar,
    Contender::Copy,
];

/// Two contenders whose times are compared, ours first, and the goals for their ratio.
pub(super) struct Pair {
    pub(super) ours: Contender,
    pub(super) other: Contender,
    /// The work that the two do, in the row's name.
    pub(super) what: &'static str,
    /// Goals for the Debian tree and the Linux source.
    pub(super) goals: Option<[f64; 2]>,
}

/// All comparisons of times.
pub(super) const PAIRS: &[Pair] = {
    use Contender::{Copy, Daxfs, Erofs, Squashfs, Tar};
    use Hashing::{Every, None as Nothing};
    const fn pair(
        ours: Contender,
        other: Contender,
        what: &'static str,
        goals: Option<[f64; 2]>,
    ) -> Pair {
        Pair {
            ours,
            other,
            what,
            goals,
        }
    }
    &[
        pair(
            Daxfs(Every),
            Erofs(Every),
            "both hash every file",
            Some([0.5, 0.5]),
        ),
        pair(
            Daxfs(Nothing),
            Erofs(Nothing),
            "neither hashes",
            Some([0.65, 0.55]),
        ),
        pair(
            Daxfs(Every),
            Erofs(Nothing),
            "ours alone hashes",
            Some([1.0, 0.8]),
        ),
        pair(
            Daxfs(Nothing),
            Squashfs,
            "neither hashes",
            Some([0.65, 0.55]),
        ),
        pair(Daxfs(Every), Squashfs, "ours alone hashes", None),
        pair(Daxfs(Every), Tar, "ours alone hashes", None),
        pair(Daxfs(Every), Copy, "ours alone hashes", None),
    ]
};

impl Contender {
    /// Returns the command as a user would name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Daxfs(Hashing::Every) => "mkdaxfs",
            Self::Daxfs(Hashing::None) => "mkdaxfs, no hashes",
            Self::Erofs(Hashing::Every) => "mkfs.erofs, digests",
            Self::Erofs(Hashing::None) => "mkfs.erofs",
            Self::Squashfs => "mksquashfs",
            Self::Tar => "tar cf",
            Self::Copy => "cp -a",
        }
    }

    /// Returns the path of its output in `dir`.
    pub(super) fn output(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Daxfs(_) => "daxfs",
            Self::Erofs(_) => "erofs",
            Self::Squashfs => "squashfs",
            Self::Tar => "tar",
            Self::Copy => "copy",
        })
    }

    /// Returns the command that makes its output in `dir` of the tree at `source`.
    pub(super) fn command(self, tools: &Tools, source: &Path, dir: &Path) -> Command {
        let output = self.output(dir);
        match self {
            Self::Daxfs(hashing) => {
                let mut command = Archiver::Daxfs.build(source, &output);
                if hashing == Hashing::None {
                    command.args(["--no-digests", "--no-dedup"]);
                }
                command
            }
            Self::Erofs(hashing) => {
                let mut command = tools.command("mkfs.erofs");
                command.args(["--quiet", "-x2"]);
                if hashing == Hashing::Every {
                    command.arg("--xattr-inode-digest=trusted.erofs.fingerprint");
                }
                command.arg(output).arg(source);
                command
            }
            Self::Squashfs => {
                let mut command = tools.command("mksquashfs");
                command.arg(source).arg(output);
                command.args(["-noI", "-noD", "-noF", "-noX", "-noappend"]);
                command.args(["-quiet", "-no-progress", "-single-reader"]);
                command
            }
            Self::Tar => {
                let mut command = Command::new("tar");
                command.arg("-cf").arg(output).arg("-C");
                command.arg(source).arg(".");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compared_tools_are_measured() {
        for pair in PAIRS {
            assert!(ALL.contains(&pair.ours) && ALL.contains(&pair.other));
        }
    }
}
