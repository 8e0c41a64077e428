// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes with several names.
//!
//! Such an inode is created in a temporary directory within the target, and each of its names is
//! linked to it there. The directory of the first name need not be found again, however deep it is.

use std::collections::hash_map::Entry;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{bail, Context, Result};
use daxfs_image::format::{Ino, Inode, InodeKind};
use daxfs_image::FileImage;
use rustix::fs::{linkat, mkdirat, openat, unlinkat, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::objects::{replacing, Maker};

/// The temporary directory for inodes with several names.
pub(super) struct Links {
    target: OwnedFd,
    name: String,
    directory: Option<OwnedFd>,
    /// The number of names that each inode still lacks; 0 for one that could not be created.
    lacking: HashMap<Ino, u32>,
}

impl Links {
    /// Chooses a name in `target` that the image does not use. Nothing is created yet.
    pub(super) fn new(image: &FileImage, target: &OwnedFd) -> Result<Self> {
        let root = image.inode(image.superblock().root())?;
        let InodeKind::Directory(directory) = root.kind else {
            bail!("the root of the image is not a directory");
        };
        let mut name = format!(".daxfs-fsck.{}", std::process::id());
        while image.lookup(&directory, name.as_bytes())?.is_some() {
            name.push('_');
        }
        Ok(Self {
            target: target.try_clone()?,
            name,
            directory: None,
            lacking: HashMap::new(),
        })
    }

    /// Creates one more name of an inode.
    pub(super) fn link(
        &mut self,
        maker: &mut Maker<'_, '_>,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        path: &[u8],
    ) -> Result<()> {
        let staging = self.open()?;
        let staged = inode.ino.to_string();
        let lacking = match self.lacking.entry(inode.ino) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let before = maker.writer.summary.files;
                maker.file(staging.as_fd(), staged.as_bytes(), inode, path)?;
                let made = maker.writer.summary.files > before;
                maker.writer.summary.files = before;
                entry.insert(if made { inode.link_count } else { 0 })
            }
        };
        if *lacking == 0 {
            return Ok(());
        }
        let link = || linkat(&staging, staged.as_str(), parent, name, AtFlags::empty());
        replacing(maker.existing, parent, name, link).context("cannot create the hard link")?;
        maker.writer.summary.files += 1;
        *lacking -= 1;
        if *lacking == 0 {
            self.lacking.remove(&inode.ino);
            unlinkat(&staging, staged.as_str(), AtFlags::empty())?;
        }
        Ok(())
    }

    /// The directory, created on first use.
    fn open(&mut self) -> Result<OwnedFd> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => self
                .make()
                .context("cannot create a directory for hard links")?,
        };
        let copy = directory.try_clone()?;
        self.directory = Some(directory);
        Ok(copy)
    }

    fn make(&self) -> Result<OwnedFd> {
        mkdirat(&self.target, self.name.as_str(), Mode::RWXU)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(
            &self.target,
            self.name.as_str(),
            flags,
            Mode::empty(),
        )?)
    }

    /// Removes the directory and the files that are left in it.
    pub(super) fn remove(&mut self) -> Result<()> {
        let Some(directory) = self.directory.take() else {
            return Ok(());
        };
        for ino in self.lacking.keys() {
            match unlinkat(&directory, ino.to_string(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                error => error.context("cannot remove a file for hard links")?,
            }
        }
        unlinkat(&self.target, self.name.as_str(), AtFlags::REMOVEDIR)
            .context("cannot remove the directory for hard links")
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // Reached after an error, which is reported instead.
        let _ = self.remove();
    }
}
