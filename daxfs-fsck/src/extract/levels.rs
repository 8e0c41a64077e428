// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directories from the target down to the current one.
//!
//! Only the lowest ones are kept open. A directory above is reopened through `..` of the one below
//! it, and must then have the same device and inode numbers as before.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{ensure, Context, Result};
use daxfs_image::format::directory::Position;
use daxfs_image::format::{Directory, Inode};
use daxfs_image::FileImage;
use rustix::fs::{fstat, openat, Mode, OFlags};

use crate::select::Scope;

use super::slot::{Before, Slot};

/// The number of directories that are kept open.
const OPEN: usize = 64;

/// A directory that has been entered.
pub(super) struct Level {
    descriptor: Option<OwnedFd>,
    identity: (u64, u64),
    inode: Inode,
    /// The location of its entries in the image.
    pub(super) directory: Directory,
    /// The position of the next entry.
    pub(super) position: Position,
    /// The length of its path.
    pub(super) path_length: usize,
    /// The part of it that is extracted.
    pub(super) scope: Scope,
    /// Its names before it was extracted to, where that matters.
    before: Before,
}

impl Level {
    /// The directory of `descriptor`, which receives the attributes of `inode` when it is left.
    pub(super) fn new(
        descriptor: OwnedFd,
        inode: Inode,
        directory: Directory,
        position: Position,
        path_length: usize,
        scope: Scope,
    ) -> Result<Self> {
        Ok(Self {
            identity: identity(descriptor.as_fd())?,
            descriptor: Some(descriptor),
            inode,
            directory,
            position,
            path_length,
            scope,
            before: Before::new(),
        })
    }
}

/// The directories that have been entered and not left.
///
/// # Invariants
/// The last one is open.
#[derive(Default)]
pub(super) struct Levels(Vec<Level>);

impl Levels {
    /// Enters a directory below the last one.
    pub(super) fn push(&mut self, level: Level) {
        let closed = self.0.len().checked_sub(OPEN - 1);
        if let Some(level) = closed.and_then(|index| self.0.get_mut(index)) {
            level.descriptor = None;
        }
        self.0.push(level);
    }

    /// Leaves the last directory: reopens the one above, and returns the one to receive its
    /// attributes.
    pub(super) fn pop(&mut self) -> Result<Option<(OwnedFd, Inode)>> {
        let Some(level) = self.0.pop() else {
            return Ok(None);
        };
        let descriptor = level.descriptor.context("a directory was closed early")?;
        if let Some(above) = self.0.last_mut() {
            above.reopen(descriptor.as_fd())?;
        }
        Ok(Some((descriptor, level.inode)))
    }

    /// The last directory.
    pub(super) fn last_mut(&mut self) -> Option<&mut Level> {
        self.0.last_mut()
    }

    /// A name in the last directory.
    pub(super) fn slot<'a>(&'a self, image: &'a FileImage, name: &'a [u8]) -> Result<Slot<'a>> {
        let level = self.0.last().context("no directory is open")?;
        let descriptor = level.descriptor.as_ref();
        Ok(Slot {
            parent: descriptor.context("a directory was closed early")?.as_fd(),
            name,
            listing: Some((image, level.directory, &level.before)),
        })
    }

    /// Returns true if all directories have been left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Level {
    fn reopen(&mut self, below: BorrowedFd<'_>) -> Result<()> {
        if self.descriptor.is_some() {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = openat(below, "..", flags, Mode::empty()).context("cannot go back up")?;
        ensure!(
            identity(descriptor.as_fd())? == self.identity,
            "a directory was moved during the extraction"
        );
        self.descriptor = Some(descriptor);
        Ok(())
    }
}

/// The device and inode numbers of a directory.
fn identity(descriptor: BorrowedFd<'_>) -> Result<(u64, u64)> {
    let stat = fstat(descriptor).context("cannot stat a directory")?;
    Ok((stat.st_dev, stat.st_ino))
}
