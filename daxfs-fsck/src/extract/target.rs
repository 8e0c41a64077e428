// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory that is extracted to.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use daxfs_image::file::printable;
use rustix::fs::{open, Mode, OFlags};

use super::attributes;

/// The directory that is extracted to: one that is made, or is empty, or that may be used again.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    reuse: bool,
}

impl Target {
    /// The target at `path`, which is the user's and followed wherever it leads; `reuse` if it need
    /// not be empty. Nothing is made yet.
    ///
    /// # Errors
    /// When it exists and cannot be extracted to.
    pub fn new(path: &Path, reuse: bool) -> Result<Self> {
        let target = Self {
            path: path.to_owned(),
            reuse,
        };
        target.check()?;
        Ok(target)
    }

    /// Whether what is there is replaced.
    pub(super) fn replaces(&self) -> bool {
        self.reuse
    }

    fn check(&self) -> Result<()> {
        let path = printable(&self.path);
        let mut entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(|| format!("cannot extract to {path}"))?,
        };
        ensure!(
            self.reuse || entries.next().is_none(),
            "cannot extract to {path}: it is not empty (--force uses it all the same)"
        );
        Ok(())
    }

    /// Makes the directory if there is none, and opens it.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        let path = printable(&self.path);
        self.check()?;
        // What is inside is nobody else's until it is complete.
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("cannot make {path}"))?,
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(&self.path, flags, Mode::empty());
        let directory = directory.with_context(|| format!("cannot open {path}"))?;
        attributes::remove_acls(&directory)
            .with_context(|| format!("cannot clear the ACL of {path}"))?;
        Ok(directory)
    }
}
