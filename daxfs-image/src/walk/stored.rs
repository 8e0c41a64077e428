// SPDX-License-Identifier: MIT OR Apache-2.0
//! A walk over the whole tree in the order of the image.

use daxfs_format::directory::Position;
use daxfs_format::{
    Cookie, DirEntry, Directory, Error, Image, Ino, Inode, InodeKind, ListBuf, Memory, Xxh64,
};

use super::problems::shared_unit;
use crate::inodes::InodeSet;
use crate::ranges::Ranges;

/// A walk over an image.
pub struct Walk<'a, M, X> {
    image: &'a Image<M, X>,
    open: Vec<Level>,
    buffer: ListBuf,
    path: Vec<u8>,
    entered: InodeSet,
    units: Ranges,
}

/// A directory that was entered.
struct Level {
    directory: Directory,
    position: Position,
    path_length: usize,
}

/// A step of a walk: an entry.
#[derive(Debug)]
pub struct Step<'a> {
    /// The path from the root, without a slash at its start.
    pub path: &'a [u8],
    /// The directory that holds the entry.
    pub parent: Ino,
    /// The entry, or the error for which it could not be read. The walk continues with the next
    /// one.
    pub entry: Result<DirEntry, Error>,
    /// The inode, or the error for which it could not be read or entered.
    pub inode: Result<Inode, Error>,
}

impl<'a, M: Memory, X: Xxh64> Walk<'a, M, X> {
    /// A walk from the root, which is not a step itself.
    ///
    /// # Errors
    /// A rule that the root's inode breaks, or a fault of the memory.
    pub fn new(image: &'a Image<M, X>) -> Result<Self, Error> {
        let root = image.inode(image.superblock().root())?;
        Self::from(image, &root)
    }

    /// A walk from a directory, which is not a step itself. From another inode there are no steps.
    ///
    /// # Errors
    /// A fault of the memory.
    pub fn from(image: &'a Image<M, X>, inode: &Inode) -> Result<Self, Error> {
        let mut walk = Self {
            image,
            open: Vec::new(),
            buffer: ListBuf::new(),
            path: Vec::new(),
            entered: InodeSet::new(image),
            units: Ranges::default(),
        };
        walk.enter(inode)?;
        Ok(walk)
    }

    fn enter(&mut self, inode: &Inode) -> Result<(), Error> {
        let InodeKind::Directory(directory) = inode.kind else {
            return Ok(());
        };
        if !self.entered.insert(inode.ino) {
            return Ok(());
        }
        if !self
            .units
            .insert(directory.offset(), directory.unit_length())
        {
            return Err(shared_unit(&directory).into());
        }
        let position = self.image.seek(&directory, Cookie::START)?;
        self.open.push(Level {
            directory,
            position,
            path_length: self.path.len(),
        });
        Ok(())
    }

    /// The next step, or `None` at the end.
    pub fn step(&mut self) -> Option<Step<'_>> {
        loop {
            let level = self.open.last_mut()?;
            self.path.truncate(level.path_length);
            let directory = level.directory;
            let parent = directory.ino();
            let next = self
                .image
                .next_entry(&directory, &mut level.position, &mut self.buffer);
            let (entry, inode) = match next {
                Ok(None) => {
                    self.open.pop();
                    continue;
                }
                Ok(Some(listed)) => {
                    let entry = listed.entry;
                    if !self.path.is_empty() {
                        self.path.push(b'/');
                    }
                    self.path.extend_from_slice(listed.name);
                    (Ok(entry), self.descend(entry.ino))
                }
                Err(error) => {
                    if matches!(error, Error::Memory(_)) {
                        self.open.pop();
                    }
                    (Err(error), Err(error))
                }
            };
            return Some(Step {
                path: &self.path,
                parent,
                entry,
                inode,
            });
        }
    }

    fn descend(&mut self, ino: Ino) -> Result<Inode, Error> {
        let inode = self.image.inode(ino)?;
        self.enter(&inode)?;
        Ok(inode)
    }
}
