// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading regular files of a directory, and comparing files with the scan.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use daxfs_format::FileType;
use rustix::fs::{seek, SeekFrom};
use rustix::io::Errno;

use super::calls::{Answer, Answered, Calls};
use super::open::{gone_or, status_of, Opener};
use super::root::Directory;
use crate::error::{Change, Error, Result};
use crate::num::len64;
use crate::source::{OpenFile, Reader};
use crate::tree::limits::file_type;
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
    opener: Opener,
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
            opener: Opener::default(),
        }
    }

    /// Does something to a file by its name in its directory.
    fn in_parent<T>(
        &mut self,
        file: NodeId,
        act: impl FnOnce(&dyn Calls, BorrowedFd<'_>, &[u8]) -> Answered<T>,
    ) -> Answered<T> {
        let (calls, tree) = (self.scanned.directory.calls(), self.scanned.tree);
        let node = tree.node(file);
        self.enter(node.parent)
            .and_then(|parent| act(calls, parent, tree.first_name(node)))
    }

    fn enter(&mut self, parent: NodeId) -> Answered<BorrowedFd<'_>> {
        let open = match self.parent.take() {
            Some((at, open)) if at == parent => open,
            _ => {
                let Scanned { directory, tree } = self.scanned;
                let ancestry = tree.ancestry(directory.root, parent);
                self.opener
                    .open(directory.calls(), directory.descriptor(), ancestry)?
            }
        };
        Ok(self.parent.insert((parent, open)).1.as_fd())
    }

    /// Compares a file that is not opened with the scan. The directory that the build itself has
    /// changed is not compared.
    pub(super) fn verify_closed(&mut self, node: NodeId) -> Result<()> {
        let directory = self.scanned.directory;
        let answer = if node == directory.root {
            directory.calls().status(directory.descriptor())
        } else {
            self.in_parent(node, |calls, at, name| calls.status_in(at, name))
        };
        match answer {
            Ok(answer) if directory.own.is(answer.key) => Ok(()),
            Ok(answer) => self.scanned.compare(node, &answer),
            Err(errno) => Err(self.scanned.gone_or("read the metadata of", node, errno)),
        }
    }

    /// Returns true if patterns leave out files, and all other names in a directory, its mode and
    /// its owner are as the scan has found them: then files that are left out have come or gone.
    pub(super) fn has_names_of_scan(&mut self, node: NodeId) -> bool {
        let directory = self.scanned.directory;
        !directory.rules.exclude.is_empty() && self.compare_names(node).unwrap_or(false)
    }

    fn compare_names(&mut self, node: NodeId) -> Answered<bool> {
        let Scanned { directory, tree } = self.scanned;
        let (calls, path) = (directory.calls(), tree.path(directory.root, node));
        let open = self.enter(node)?;
        let (old, new) = (tree.node(node).status, status_of(&calls.status(open)?));
        if (old.mode, old.uid, old.gid) != (new.mode, new.uid, new.gid) {
            return Ok(false);
        }
        let (mut known, mut others) = (0, Vec::new());
        let mut each = |name: &[u8]| {
            match tree.child(node, name) {
                Some(_) => known += 1,
                None if matches!(name, b"." | b"..") => {}
                None => others.push(name.to_vec()),
            }
            true
        };
        calls.names(open, &mut each)?;
        let is_left_out = |name: &Vec<u8>| match calls.status_in(open, name) {
            Ok(answer) => file_type(answer.mode).is_ok_and(|file_type| {
                let why = directory.left_out(&path, name, answer.key, file_type);
                why.is_some()
            }),
            Err(_) => directory.excludes(&path, name, FileType::Directory),
        };
        Ok(known == tree.child_count(node) && others.iter().all(is_left_out))
    }
}

impl<'a> Reader<'a> for DirectoryReader<'a> {
    fn open(&mut self, file: NodeId) -> Result<Box<dyn OpenFile + 'a>> {
        let scanned = self.scanned;
        let open = self
            .in_parent(file, |calls, at, name| calls.open_file(at, name))
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
        let Err(error) = self.read_all(into, offset) else {
            return Ok(());
        };
        // A file that cannot be read because another one has replaced it is reported as changed.
        self.compare()?;
        Err(match error.kind() {
            io::ErrorKind::UnexpectedEof => self.scanned.changed(self.node, Change::Shorter),
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
        self.compare()?;
        let size = self.scanned.tree.size(self.node);
        match self.calls().read(&self.open, &mut [0], size) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.scanned.changed(self.node, Change::Longer)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.verify(),
            Err(error) => Err(Error::io("read", self.scanned.path(self.node))(error)),
        }
    }
}

impl DirectoryFile<'_> {
    fn calls(&self) -> &dyn Calls {
        self.scanned.directory.calls()
    }

    /// Compares the status of the file with the scan.
    fn compare(&self) -> Result<()> {
        let answer = self.calls().status(self.open.as_fd()).map_err(|errno| {
            Error::io("read the metadata of", self.scanned.path(self.node))(errno)
        })?;
        self.scanned.compare(self.node, &answer)
    }

    fn read_all(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !into.is_empty() {
            match self.calls().read(&self.open, into, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    let length = length.min(into.len());
                    into = &mut into[length..];
                    offset += len64(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Scanned<'_> {
    fn path(self, node: NodeId) -> PathBuf {
        self.directory.path_of(self.tree, node)
    }

    fn compare(self, node: NodeId, answer: &Answer) -> Result<()> {
        let change = change(self.tree.node(node).status, status_of(answer));
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
