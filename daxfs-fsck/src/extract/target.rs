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

/// The treatment of files that exist in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The target must be empty.
    Refuse,
    /// Directories are reused, other files are replaced.
    Replace,
}

/// The directory that is extracted to: created, empty, or reused.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    existing: Existing,
}

impl Target {
    /// The target at `path`, which the user gave and whose symlinks are followed. It need not be
    /// empty if existing files are replaced. Nothing is created yet.
    ///
    /// # Errors
    /// If it exists and cannot be extracted to.
    pub fn new(path: &Path, existing: Existing) -> Result<Self> {
        let target = Self {
            path: path.to_owned(),
            existing,
        };
        target.check()?;
        Ok(target)
    }

    /// The treatment of files that exist.
    pub(super) fn existing(&self) -> Existing {
        self.existing
    }

    fn check(&self) -> Result<()> {
        let path = printable(&self.path);
        let mut entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(|| format!("cannot extract to {path}"))?,
        };
        ensure!(
            self.existing == Existing::Replace || entries.next().is_none(),
            "cannot extract to {path}: it is not empty (--force reuses it)"
        );
        Ok(())
    }

    /// Creates the directory if there is none, and opens it.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        let path = printable(&self.path);
        self.check()?;
        // No other user may access the tree until it is complete.
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("cannot create {path}"))?,
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(&self.path, flags, Mode::empty());
        let directory = directory.with_context(|| format!("cannot open {path}"))?;
        attributes::remove_acls(&directory)
            .with_context(|| format!("cannot clear the ACL of {path}"))?;
        Ok(directory)
    }
}
