// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading regular files of a directory, and comparing files with the scan.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rustix::fs::{fstat, seek, SeekFrom, Stat};
use rustix::io::Errno;

use super::open::{gone_or, key_of, open_directory, open_file, status_in, status_of};
use super::root::Directory;
use crate::error::{Change, Error, Result};
use crate::source::{OpenFile, Reader};
use crate::tree::node::{NodeId, Status};
use crate::tree::Tree;

/// The file type bits of a mode.
const TYPE_BITS: u16 = 0o170_000;
/// The type of regular files, as in modes.
const REGULAR: u16 = 0o100_000;

/// A directory, and the tree that a scan of it has found.
#[derive(Clone, Copy)]
struct Scanned<'a> {
    directory: &'a Directory,
    tree: &'a Tree,
}

/// Opens files of a directory.
pub(super) struct DirectoryReader<'a> {
    scanned: Scanned<'a>,
    /// The parent of the last file. Files come in the order of directories.
    parent: Option<(NodeId, OwnedFd)>,
}

/// An open regular file.
struct DirectoryFile<'a> {
    scanned: Scanned<'a>,
    node: NodeId,
    open: File,
}

impl<'a> DirectoryReader<'a> {
    pub(super) fn new(directory: &'a Directory, tree: &'a Tree) -> Self {
        Self {
            scanned: Scanned { directory, tree },
            parent: None,
        }
    }

    /// Does something to a file by its name in its directory.
    fn in_parent<T>(
        &mut self,
        file: NodeId,
        act: impl FnOnce(BorrowedFd<'_>, &[u8]) -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        let tree = self.scanned.tree;
        let node = tree.node(file);
        self.enter(node.parent)
            .and_then(|parent| act(parent, tree.first_name(node)))
    }

    fn enter(&mut self, parent: NodeId) -> rustix::io::Result<BorrowedFd<'_>> {
        let open = match self.parent.take() {
            Some((at, open)) if at == parent => open,
            _ => self.scanned.open_directory(parent)?,
        };
        Ok(self.parent.insert((parent, open)).1.as_fd())
    }

    /// Compares a file that is not opened with the scan. The directory that the build itself has
    /// changed is not compared.
    pub(super) fn verify_closed(&mut self, node: NodeId) -> Result<()> {
        let directory = self.scanned.directory;
        let stat = if node == directory.root {
            fstat(directory.descriptor())
        } else {
            self.in_parent(node, status_in)
        };
        match stat {
            Ok(stat) if directory.own.is(key_of(&stat)) => Ok(()),
            Ok(stat) => self.scanned.compare(node, &stat),
            Err(errno) => Err(self.scanned.gone_or("read the metadata of", node, errno)),
        }
    }
}

impl<'a> Reader<'a> for DirectoryReader<'a> {
    fn open(&mut self, file: NodeId) -> Result<Box<dyn OpenFile + 'a>> {
        let scanned = self.scanned;
        let open = self
            .in_parent(file, open_file)
            .map_err(|errno| match errno {
                Errno::LOOP => scanned.changed(file, Change::Type),
                errno => scanned.gone_or("open", file, errno),
            })?;
        Ok(Box::new(DirectoryFile {
            scanned,
            node: file,
            open,
        }))
    }
}

impl OpenFile for DirectoryFile<'_> {
    fn read(&self, into: &mut [u8], offset: u64) -> Result<()> {
        let Err(error) = self.open.read_exact_at(into, offset) else {
            return Ok(());
        };
        // A file that cannot be read because another one has replaced it is reported as changed.
        self.verify()?;
        Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => self.scanned.changed(self.node, Change::Modified),
            _ => Error::io("read", self.scanned.path(self.node))(error),
        })
    }

    fn next_data(&self, from: u64) -> Result<Option<Range<u64>>> {
        let start = match seek(&self.open, SeekFrom::Data(from)) {
            Ok(start) if start >= from => start,
            Err(Errno::NXIO) => return Ok(None),
            // Without an answer that makes sense, all bytes are read.
            _ => from,
        };
        let end = seek(&self.open, SeekFrom::Hole(start)).ok();
        Ok(Some(
            start..end.filter(|&end| end > start).unwrap_or(u64::MAX),
        ))
    }

    fn verify(&self) -> Result<()> {
        let stat = fstat(&self.open).map_err(|errno| {
            Error::io("read the metadata of", self.scanned.path(self.node))(errno)
        })?;
        self.scanned.compare(self.node, &stat)
    }
}

impl Scanned<'_> {
    fn path(self, node: NodeId) -> PathBuf {
        self.directory.path_of(self.tree, node)
    }

    fn open_directory(self, node: NodeId) -> rustix::io::Result<OwnedFd> {
        let path = self.directory.path_below(self.tree, node);
        open_directory(self.directory.descriptor(), &path)
    }

    fn compare(self, node: NodeId, stat: &Stat) -> Result<()> {
        let change = change(self.tree.node(node).status, status_of(stat));
        change.map_or(Ok(()), |change| Err(self.changed(node, change)))
    }

    fn changed(self, node: NodeId, change: Change) -> Error {
        Error::Changed {
            path: self.path(node),
            change,
        }
    }

    fn gone_or(self, action: &'static str, node: NodeId, errno: Errno) -> Error {
        gone_or(action, self.path(node), errno)
    }
}

/// The change between two states of a file.
fn change(old: Status, new: Status) -> Option<Change> {
    if old == new {
        None
    } else if old.mode & TYPE_BITS != new.mode & TYPE_BITS {
        Some(Change::Type)
    } else if old.size != new.size && old.mode & TYPE_BITS == REGULAR {
        Some(Change::Size(old.size, new.size))
    } else {
        Some(Change::Modified)
    }
}
