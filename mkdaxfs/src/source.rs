// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening and reading files below SOURCE, relative to descriptors, without following symlinks.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use daxfs_format::Timestamp;
use rustix::fs::{fstat, openat, statat, AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{Change, Error, Result};
use crate::num::index;
use crate::output::Output;
use crate::tree::{NodeId, Status, Tree};

/// A path that is longer is opened piece by piece.
const PATH_PIECE: usize = 4000;

/// The type of regular files, as in modes.
const REGULAR: u16 = 0o100_000;

/// Bytes as the system's string.
pub(crate) fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The path of a file in the directory at `parent`, both below SOURCE.
pub(crate) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if parent.is_empty() { b"" } else { b"/" };
    [parent, separator, name].concat()
}

/// The path of a file below SOURCE, for messages.
pub(crate) fn full_path(source: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() {
        return source.to_owned();
    }
    source.join(os(path))
}

/// Opens the directory at a path below `root`, of any length.
pub(crate) fn open_directory(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (mut at, mut rest) = (None::<OwnedFd>, path);
    while rest.len() > PATH_PIECE {
        let slash = rest[..PATH_PIECE].iter().rposition(|&byte| byte == b'/');
        let slash = slash.ok_or(Errno::NAMETOOLONG)?;
        let from = at.as_ref().map_or(root, OwnedFd::as_fd);
        at = Some(openat(from, &rest[..slash], flags, Mode::empty())?);
        rest = &rest[slash + 1..];
    }
    let from = at.as_ref().map_or(root, OwnedFd::as_fd);
    openat(
        from,
        if rest.is_empty() { b"." } else { rest },
        flags,
        Mode::empty(),
    )
}

/// Opens a regular file to be read. If a FIFO or device has taken its place, nothing waits or moves,
/// and [`Reader::verify`] finds out.
pub(crate) fn open_file(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<File> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Only the owner of a file may leave its access time alone.
    match openat(directory, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(directory, name, flags, Mode::empty()),
        result => result,
    }
    .map(File::from)
}

/// The status of a file in an open directory, which is not followed if it is a symlink.
pub(crate) fn status_in(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Stat> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statat(directory, name, flags)
}

/// The parts of a `stat` that an image states, and that show whether a file has changed.
pub(crate) fn status_of(stat: &Stat) -> Status {
    let nanoseconds = |value: u64| u32::try_from(value).unwrap_or(0);
    Status {
        mode: u16::try_from(stat.st_mode & 0xffff).unwrap_or(0),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime: Timestamp {
            seconds: stat.st_mtime,
            nanoseconds: nanoseconds(stat.st_mtime_nsec),
        },
        ctime: stat
            .st_ctime
            .wrapping_mul(1_000_000_000)
            .wrapping_add(nanoseconds(stat.st_ctime_nsec).into()),
    }
}

/// Reads regular files of a tree; one for each thread.
pub(crate) struct Reader<'a> {
    tree: &'a Tree,
    source: &'a Path,
    root: BorrowedFd<'a>,
    /// The directory of the last file: files come in the order of directories.
    directory: Option<(NodeId, OwnedFd)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(tree: &'a Tree, source: &'a Path, root: BorrowedFd<'a>) -> Self {
        Self {
            tree,
            source,
            root,
            directory: None,
        }
    }

    fn path(&self, file: NodeId) -> PathBuf {
        full_path(self.source, &self.tree.path(file))
    }

    /// Opens a file of the tree.
    pub(crate) fn open(&mut self, file: NodeId) -> Result<File> {
        self.in_directory(file, open_file)
            .map_err(|errno| match errno {
                Errno::NOENT | Errno::NOTDIR => self.changed(file, Change::Vanished),
                Errno::LOOP => self.changed(file, Change::Type),
                errno => Error::io("open", self.path(file))(errno),
            })
    }

    /// Does something to a file by its name in its directory.
    fn in_directory<T>(
        &mut self,
        file: NodeId,
        act: impl FnOnce(BorrowedFd<'_>, &[u8]) -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        let tree = self.tree;
        let node = tree.node(file);
        let name = tree.name(&tree.entries[index(node.entry)]);
        self.enter(node.parent)
            .and_then(|directory| act(directory, name))
    }

    fn enter(&mut self, directory: NodeId) -> rustix::io::Result<BorrowedFd<'_>> {
        let open = match self.directory.take() {
            Some((at, open)) if at == directory => open,
            _ => open_directory(self.root, &self.tree.path(directory))?,
        };
        Ok(self.directory.insert((directory, open)).1.as_fd())
    }

    /// Fills `into` with bytes of an open file.
    pub(crate) fn read(
        &self,
        file: NodeId,
        open: &File,
        into: &mut [u8],
        offset: u64,
    ) -> Result<()> {
        let Err(error) = open.read_exact_at(into, offset) else {
            return Ok(());
        };
        // What cannot be read because it is another file now, is reported as that.
        self.verify(file, open)?;
        Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(file, Change::Modified),
            _ => Error::io("read", self.path(file))(error),
        })
    }

    /// Compares an open file that has been read with what the scan has seen.
    pub(crate) fn verify(&self, file: NodeId, open: &File) -> Result<()> {
        let stat = fstat(open).map_err(Error::io("read the metadata of", self.path(file)))?;
        self.compare(file, &stat)
    }

    /// Compares a file that is not opened with what the scan has seen.
    pub(crate) fn verify_closed(&mut self, file: NodeId, output: &Output) -> Result<()> {
        let stat = match file {
            NodeId::ROOT => fstat(self.root),
            file => self.in_directory(file, status_in),
        };
        match stat {
            // The builder itself has given this directory a new entry.
            Ok(stat) if output.is_named_in(&stat) => Ok(()),
            Ok(stat) => self.compare(file, &stat),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(self.changed(file, Change::Vanished)),
            Err(errno) => Err(Error::io("read the metadata of", self.path(file))(errno)),
        }
    }

    fn compare(&self, file: NodeId, stat: &Stat) -> Result<()> {
        let (old, new) = (self.tree.node(file).status, status_of(stat));
        if old == new {
            return Ok(());
        }
        let change = if old.mode & 0xf000 != new.mode & 0xf000 {
            Change::Type
        } else if old.size != new.size && old.mode & 0xf000 == REGULAR {
            Change::Size(old.size, new.size)
        } else {
            Change::Modified
        };
        Err(self.changed(file, change))
    }

    fn changed(&self, file: NodeId, change: Change) -> Error {
        Error::Changed {
            path: self.path(file),
            change,
        }
    }
}
