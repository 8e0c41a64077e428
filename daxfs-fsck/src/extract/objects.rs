// SPDX-License-Identifier: MIT OR Apache-2.0
//! Creating files of every type.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{SyncSender, TrySendError};

use anyhow::{anyhow, Context, Result};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{FileData, Inode, InodeKind, Rdev, Symlink};
use daxfs_image::path::{self, LastLink};
use daxfs_image::FileImage;
use rustix::fs::{makedev, mkdirat, mknodat, openat, symlinkat, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::{self, Handle};
use super::slot::{Refused, Slot};
use super::summary::Loss;
use super::target::Existing;
use super::writer::{Job, Writer};

/// Creates files. The contents of regular files go to the threads that take from the queue.
pub(super) struct Maker<'a, 'w> {
    image: &'a FileImage,
    queue: SyncSender<Job>,
    /// The writer for contents if the queue is full, and for all attributes.
    pub(super) writer: &'w mut Writer<'a>,
    /// The treatment of files that exist.
    pub(super) existing: Existing,
}

impl<'a, 'w> Maker<'a, 'w> {
    pub(super) fn new(
        image: &'a FileImage,
        queue: SyncSender<Job>,
        writer: &'w mut Writer<'a>,
        existing: Existing,
    ) -> Self {
        Self {
            image,
            queue,
            writer,
            existing,
        }
    }

    /// Counts an entry that was created.
    pub(super) fn count(&mut self) {
        self.writer.summary.files += 1;
    }

    /// Records a loss.
    pub(super) fn lose(&mut self, loss: Loss, path: &[u8], what: &str, reason: &str) {
        self.writer.summary.lose(loss, path, what, reason);
    }

    /// Records a loss for which the operating system gave the reason.
    pub(super) fn problem(&mut self, loss: Loss, path: &[u8], what: &str, error: Errno) {
        self.writer.summary.problem(loss, path, what, error);
    }

    /// Records a name that the target cannot hold as a loss. Any other reason is an error.
    pub(super) fn refused(&mut self, refused: Refused, path: &[u8], what: &str) -> Result<()> {
        match refused {
            Refused::SameAs(other) => {
                let other = other.map_or_else(
                    || "another one".to_owned(),
                    |other| shown(&other, Charset::Utf8),
                );
                let reason = format!("the target takes its name for {other}");
                self.lose(Loss::Name, path, what, &reason);
            }
            Refused::Os(error @ (Errno::INVAL | Errno::ILSEQ | Errno::NAMETOOLONG)) => {
                self.problem(Loss::Name, path, what, error);
            }
            Refused::Os(error) => return Err(anyhow!(error).context(format!("cannot {what}"))),
        }
        Ok(())
    }

    /// As [`Self::refused`], and a type of file that the target cannot hold is a loss too.
    fn refused_type(&mut self, refused: Refused, path: &[u8], what: &str) -> Result<()> {
        match refused {
            // Some FUSE servers report an I/O error instead.
            Refused::Os(error @ (Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::IO)) => {
                self.problem(Loss::File, path, what, error);
                Ok(())
            }
            refused => self.refused(refused, path, what),
        }
    }

    /// Creates a directory that only this user may access until it receives its mode, or opens the
    /// existing one. `None` if the target cannot hold its name.
    pub(super) fn directory(&mut self, slot: Slot<'_>, path: &[u8]) -> Result<Option<OwnedFd>> {
        let Slot { parent, name, .. } = slot;
        let make = || mkdirat(parent, name, Mode::RWXU);
        let made = match make() {
            Err(Errno::EXIST) => slot.check(self.existing).and_then(|()| {
                match attributes::open_directory(parent, name, LastLink::Keep) {
                    Ok(directory) => Ok(Some(directory)),
                    Err(Errno::NOTDIR | Errno::LOOP) => {
                        slot.create(self.existing, make).map(|()| None)
                    }
                    Err(error) => Err(error.into()),
                }
            }),
            Ok(()) => Ok(None),
            Err(error) => Err(error.into()),
        };
        let directory = match made {
            Ok(Some(reused)) => {
                attributes::clear(&reused, self.writer.restore, |what, error| {
                    let summary = &mut self.writer.summary;
                    summary.problem(Loss::OldAttribute, path, what, error);
                });
                reused
            }
            Ok(None) => attributes::open_directory(parent, name, LastLink::Keep)
                .context("cannot open the directory")?,
            Err(refused) => {
                self.refused(refused, path, "create the directory")?;
                return Ok(None);
            }
        };
        self.count();
        Ok(Some(directory))
    }

    /// Creates any file but a directory, with its attributes. Returns false if the target cannot
    /// hold it, which is a loss.
    pub(super) fn file(&mut self, slot: Slot<'_>, inode: &Inode, path: &[u8]) -> Result<bool> {
        let made = self.stage(slot, inode, path)?;
        if made {
            self.count();
        }
        Ok(made)
    }

    /// Creates any file but a directory, as [`Self::file`] does, without counting it.
    pub(super) fn stage(&mut self, slot: Slot<'_>, inode: &Inode, path: &[u8]) -> Result<bool> {
        match &inode.kind {
            InodeKind::Regular(data) => self.regular(slot, inode, data, path),
            InodeKind::Symlink(link) => self.symlink(slot, inode, link, path),
            kind => self.node(slot, inode, kind, path),
        }
    }

    fn regular(
        &mut self,
        slot: Slot<'_>,
        inode: &Inode,
        data: &FileData,
        path: &[u8],
    ) -> Result<bool> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let (flags, mode) = (flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
        let make = || openat(slot.parent, slot.name, flags, mode);
        let file = match slot.create(self.existing, make) {
            Ok(file) => file.into(),
            Err(refused) => {
                self.refused(refused, path, "create the file")?;
                return Ok(false);
            }
        };
        let job = Job {
            file,
            inode: *inode,
            data: *data,
            path: path.to_vec(),
        };
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                self.writer.write(&job)?;
            }
        }
        Ok(true)
    }

    fn symlink(
        &mut self,
        slot: Slot<'_>,
        inode: &Inode,
        link: &Symlink,
        path: &[u8],
    ) -> Result<bool> {
        let target = path::target(self.image, link)?;
        let make = || symlinkat(target.as_slice(), slot.parent, slot.name);
        if let Err(refused) = slot.create(self.existing, make) {
            self.refused_type(refused, path, "create the symlink")?;
            return Ok(false);
        }
        self.finish_by_path(slot, inode, path)?;
        Ok(true)
    }

    fn node(
        &mut self,
        slot: Slot<'_>,
        inode: &Inode,
        kind: &InodeKind,
        path: &[u8],
    ) -> Result<bool> {
        let (file_type, device) = special(kind);
        let make = || mknodat(slot.parent, slot.name, file_type, Mode::empty(), device);
        if let Err(refused) = slot.create(self.existing, make) {
            self.refused_type(refused, path, "create the node")?;
            return Ok(false);
        }
        self.finish_by_path(slot, inode, path)?;
        Ok(true)
    }

    /// Sets the attributes of a file that cannot be opened.
    fn finish_by_path(&mut self, slot: Slot<'_>, inode: &Inode, path: &[u8]) -> Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(slot.parent, slot.name, flags, Mode::empty());
        let file = file.context("cannot find the file again")?;
        self.writer.finish(Handle::Path(file.as_fd()), inode, path)
    }
}

/// The type and number of a device, and the type of a FIFO or socket.
fn special(kind: &InodeKind) -> (FileType, u64) {
    let number = |rdev: &Rdev| makedev(rdev.major, rdev.minor);
    match kind {
        InodeKind::CharDevice(rdev) => (FileType::CharacterDevice, number(rdev)),
        InodeKind::BlockDevice(rdev) => (FileType::BlockDevice, number(rdev)),
        InodeKind::Fifo => (FileType::Fifo, 0),
        _ => (FileType::Socket, 0),
    }
}
