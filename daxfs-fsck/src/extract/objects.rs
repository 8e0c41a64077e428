// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making files of every type.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use daxfs_image::format::{FileData, Inode, InodeKind, Memory, Rdev, Symlink};
use daxfs_image::FileImage;
use rustix::fs::{
    makedev, mkdirat, mknodat, openat, symlinkat, unlinkat, AtFlags, FileType, Mode, OFlags,
};
use rustix::io::Errno;

use super::attributes::{self, Handle};
use super::summary::Summary;

/// What is copied at a time, in bytes.
const BUFFER: usize = 256 << 10;

/// Makes files.
pub(super) struct Maker<'a> {
    image: &'a FileImage,
    progress: &'a dyn Fn(u64),
    buffer: Vec<u8>,
    /// Whether what is there is replaced.
    pub(super) replaces: bool,
    /// What has been made.
    pub(super) summary: Summary,
}

impl<'a> Maker<'a> {
    pub(super) fn new(image: &'a FileImage, replaces: bool, progress: &'a dyn Fn(u64)) -> Self {
        Self {
            image,
            progress,
            buffer: vec![0; BUFFER],
            replaces,
            summary: Summary::default(),
        }
    }

    /// Makes a directory that only we may use until it is finished, or opens the one that is there.
    pub(super) fn directory(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || openat(parent, name, flags, Mode::empty());
        let make = || mkdirat(parent, name, Mode::RWXU);
        let made = match make() {
            Err(Errno::EXIST) if self.replaces => match open() {
                Ok(directory) => {
                    attributes::remove_acls(&directory)?;
                    self.summary.files += 1;
                    return Ok(directory);
                }
                Err(_) => replacing(true, parent, name, make),
            },
            made => made,
        };
        made.context("cannot make the directory")?;
        self.summary.files += 1;
        open().context("cannot open the directory")
    }

    /// Makes anything but a directory, with its attributes. A device that cannot be made is a problem
    /// for the summary.
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
                if let Err(error) = replacing(self.replaces, parent, name, make) {
                    self.summary.problem(path, "make the node", error);
                    return Ok(());
                }
                self.finish_by_path(parent, name, inode, path)?;
            }
        }
        self.summary.files += 1;
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
        let made = replacing(self.replaces, parent, name, make);
        let file = File::from(made.context("cannot make the file")?);
        self.write(&file, data, inode.size)?;
        self.finish(Handle::Open(&file.into()), inode, path)
    }

    /// Writes the contents, and leaves holes where the image has them.
    fn write(&mut self, file: &File, data: &FileData, size: u64) -> Result<()> {
        let mut at = 0;
        while let Some(segment) = self.image.segment(data, size, at)? {
            if let Some(place) = segment.data {
                self.copy(file, at, segment.end, place)?;
            }
            at = segment.end;
        }
        if matches!(data, FileData::Sparse(_)) {
            file.set_len(size).context("cannot set the size")?;
        }
        Ok(())
    }

    /// Copies the bytes of the file from `at` to `end`, which begin at `place` in the image.
    fn copy(&mut self, file: &File, mut at: u64, end: u64, mut place: u64) -> Result<()> {
        while at < end {
            let rest = usize::try_from(end - at).unwrap_or(usize::MAX);
            let count = rest.min(self.buffer.len());
            let piece = &mut self.buffer[..count];
            self.image.memory().read(place, piece)?;
            file.write_all_at(piece, at).context("cannot write it")?;
            let count = u64::try_from(count)?;
            (at, place) = (at + count, place + count);
            self.summary.bytes += count;
            (self.progress)(count);
        }
        Ok(())
    }

    fn symlink(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        link: &Symlink,
        path: &[u8],
    ) -> Result<()> {
        let target = self.image.read_link(link, &mut self.buffer)?;
        let make = || symlinkat(target, parent, name);
        replacing(self.replaces, parent, name, make).context("cannot make the symlink")?;
        self.finish_by_path(parent, name, inode, path)
    }

    /// Gives a file that cannot be opened its attributes.
    fn finish_by_path(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        inode: &Inode,
        path: &[u8],
    ) -> Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty()).context("cannot find it again")?;
        self.finish(Handle::Path(&file), inode, path)
    }

    /// Gives a file its attributes. What cannot be set is a problem for the summary.
    pub(super) fn finish(&mut self, file: Handle<'_>, inode: &Inode, path: &[u8]) -> Result<()> {
        attributes::apply(self.image, file, inode, |what, error| {
            self.summary.problem(path, what, error);
        })
    }
}

/// Makes something with a name, in the place of what has the name already if `replaces` says so.
/// Directories with something in them are not replaced.
pub(super) fn replacing<T>(
    replaces: bool,
    parent: BorrowedFd<'_>,
    name: &[u8],
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match make() {
        Err(Errno::EXIST) if replaces => {
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

/// How many content bytes an extraction writes. What cannot be read counts as nothing.
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
