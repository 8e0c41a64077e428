// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory that is extracted to.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use daxfs_image::escape::printable;
use daxfs_image::path::LastLink;
use rustix::fs::CWD;

use super::attributes;
use super::restore::Restore;
use super::staging::is_staging;
use super::summary::{Loss, Summary};

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
    restore: Restore,
}

impl Target {
    /// The target at `path`, which the user gave and whose symlinks are followed. It need not be
    /// empty if existing files are replaced. Nothing is created yet.
    ///
    /// # Errors
    /// If it exists and cannot be extracted to.
    pub fn new(path: &Path, existing: Existing, restore: Restore) -> Result<Self> {
        let target = Self {
            path: path.to_owned(),
            existing,
            restore,
        };
        target.check()?;
        Ok(target)
    }

    /// The treatment of files that exist.
    pub(super) fn existing(&self) -> Existing {
        self.existing
    }

    /// The properties that are restored.
    pub(super) fn restore(&self) -> Restore {
        self.restore
    }

    fn check(&self) -> Result<()> {
        let path = printable(&self.path);
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.with_context(|| format!("cannot extract to {path}"))?,
        };
        if self.existing == Existing::Replace {
            return Ok(());
        }
        let mut is_empty = true;
        for entry in entries {
            let name = entry
                .with_context(|| format!("cannot read {path}"))?
                .file_name();
            ensure!(
                !is_staging(name.as_bytes()),
                "cannot extract to {path}: an extraction to it was not completed (--force repeats \
                 it)"
            );
            is_empty = false;
        }
        ensure!(
            is_empty,
            "cannot extract to {path}: it is not empty (--force reuses it)"
        );
        Ok(())
    }

    /// Creates the directory if there is none, and opens it.
    pub(super) fn open(&self, summary: &mut Summary) -> Result<OwnedFd> {
        let path = printable(&self.path);
        self.check()?;
        // No other user may access the tree until it is complete.
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("cannot create {path}"))?,
        }
        let directory = attributes::open_directory(CWD, &self.path, LastLink::Follow)
            .with_context(|| format!("cannot open {path}"))?;
        attributes::clear(&directory, self.restore, |what, error| {
            summary.problem(Loss::OldAttribute, b"", what, error);
        });
        Ok(directory)
    }
}
