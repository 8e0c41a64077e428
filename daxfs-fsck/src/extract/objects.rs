// SPDX-License-Identifier: MIT OR Apache-2.0
//! Creating files of every type.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{SyncSender, TrySendError};

use anyhow::{Context, Result};
use daxfs_image::format::{FileData, Inode, InodeKind, Rdev, Symlink};
use daxfs_image::{path, FileImage};
use rustix::fs::{
    makedev, mkdirat, mknodat, openat, symlinkat, unlinkat, AtFlags, FileType, Mode, OFlags,
};
use rustix::io::Errno;

use super::attributes::{self, Handle};
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

    /// Creates a directory that only this user may access until it receives its mode, or opens the
    /// existing one.
    pub(super) fn directory(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || openat(parent, name, flags, Mode::empty());
        let make = || mkdirat(parent, name, Mode::RWXU);
        let made = match make() {
            Err(Errno::EXIST) if self.existing == Existing::Replace => match open() {
                Ok(directory) => {
                    attributes::remove_acls(&directory)?;
                    self.writer.summary.files += 1;
                    return Ok(directory);
                }
                Err(_) => replacing(Existing::Replace, parent, name, make),
            },
            made => made,
        };
        made.context("cannot create the directory")?;
        self.writer.summary.files += 1;
        open().context("cannot open the directory")
    }

    /// Creates any file but a directory, with its attributes. A device that cannot be created is a
    /// problem for the summary.
    pub(super) fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        path: &[u8],
    ) -> Result<()> {
        match &inode.kind {
            InodeKind::Regular(data) => self.regular(parent, name, inode, data, path)?,
            InodeKind::Symlink(link) => self.symlink(parent, name, inode, link, path)?,
            kind => {
                let (file_type, device) = special(kind);
                let make = || mknodat(parent, name, file_type, Mode::empty(), device);
                if let Err(error) = replacing(self.existing, parent, name, make) {
                    self.writer.summary.problem(path, "create the node", error);
                    return Ok(());
                }
                self.finish_by_path(parent, name, inode, path)?;
            }
        }
        self.writer.summary.files += 1;
        Ok(())
    }

    fn regular(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        data: &FileData,
        path: &[u8],
    ) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let make = || {
            openat(
                parent,
                name,
                flags | OFlags::CLOEXEC,
                Mode::RUSR | Mode::WUSR,
            )
        };
        let made = replacing(self.existing, parent, name, make);
        let job = Job {
            file: made.context("cannot create the file")?.into(),
            inode: *inode,
            data: *data,
            path: path.to_vec(),
        };
        match self.queue.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                self.writer.write(&job)
            }
        }
    }

    fn symlink(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        link: &Symlink,
        path: &[u8],
    ) -> Result<()> {
        let target = path::target(self.image, link)?;
        let make = || symlinkat(target.as_slice(), parent, name);
        replacing(self.existing, parent, name, make).context("cannot create the symlink")?;
        self.finish_by_path(parent, name, inode, path)
    }

    /// Sets the attributes of a file that cannot be opened.
    fn finish_by_path(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        path: &[u8],
    ) -> Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            openat(parent, name, flags, Mode::empty()).context("cannot find the file again")?;
        self.writer.finish(Handle::Path(file.as_fd()), inode, path)
    }
}

/// Creates an entry by `make`. If existing files are replaced, an entry of that name is removed first.
/// Directories that are not empty are not replaced.
pub(super) fn replacing<T>(
    existing: Existing,
    parent: BorrowedFd<'_>,
    name: &[u8],
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match make() {
        Err(Errno::EXIST) if existing == Existing::Replace => {
            match unlinkat(parent, name, AtFlags::empty()) {
                Err(Errno::ISDIR) => unlinkat(parent, name, AtFlags::REMOVEDIR)?,
                removed => removed?,
            }
            make()
        }
        made => made,
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

/// The number of content bytes that an extraction writes. Inodes that cannot be read are left out.
#[must_use]
pub fn content_bytes(image: &FileImage) -> u64 {
    let inodes = image
        .inode_numbers()
        .filter_map(|ino| image.inode(ino).ok());
    let sizes = inodes.map(|inode| match inode.kind {
        InodeKind::Regular(FileData::Sparse(list)) => (0..list.count())
            .filter_map(|index| image.extent(&list, index).ok().flatten())
            .fold(0, |sum: u64, extent| sum.saturating_add(extent.length)),
        InodeKind::Regular(_) => inode.size,
        _ => 0,
    });
    sizes.fold(0, u64::saturating_add)
}
