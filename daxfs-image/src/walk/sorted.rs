// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole tree in the order of its names, each directory before what it holds.
//!
//! It needs memory for the entries of the directories that lead to the present one, however deep that
//! is. Whatever the image says, it enters a directory once only, and lists no two that share entries.

use std::vec;

use daxfs_format::{FileType, Image, Ino, Inode, InodeKind, Memory, Xxh64};

use super::listing::{Listed, Listings};
use super::problems::{entered_before, Problems};
use crate::inodes::InodeSet;
use crate::path::{Found, Trail};

/// A traversal of the tree below a directory.
pub struct Traversal<'a, M, X> {
    image: &'a Image<M, X>,
    listings: Listings<'a, M, X>,
    levels: Vec<vec::IntoIter<Listed>>,
    trail: Trail,
    entered: InodeSet,
}

/// An entry that a traversal comes by.
#[derive(Debug)]
pub struct Visit {
    /// Its path.
    pub path: Vec<u8>,
    /// Its name.
    pub name: Box<[u8]>,
    /// The inode that it names.
    pub ino: Ino,
    /// The type that the entry states.
    pub file_type: FileType,
    /// The inode, unless it cannot be read, which has been reported.
    pub inode: Option<Inode>,
    /// How many directories below the start it lies; 0 for the entries of the start.
    pub depth: usize,
    /// Whether it is the last one of its directory.
    pub is_last: bool,
}

impl<'a, M: Memory, X: Xxh64> Traversal<'a, M, X> {
    /// A traversal from a directory, which is itself not visited; of anything else there is none.
    pub fn new(image: &'a Image<M, X>, start: &Found, problems: &mut dyn Problems) -> Self {
        let entered = InodeSet::new(image);
        let trail = Trail::new(start.inode.ino, start.path.clone());
        let mut traversal = Self {
            image,
            listings: Listings::new(image),
            levels: Vec::new(),
            trail,
            entered,
        };
        if let Some(entries) = traversal.entries(&start.inode, &start.path, problems) {
            traversal.levels.push(entries);
        }
        traversal
    }

    /// The entries of a directory that was not met before.
    fn entries(
        &mut self,
        inode: &Inode,
        path: &[u8],
        problems: &mut dyn Problems,
    ) -> Option<vec::IntoIter<Listed>> {
        let InodeKind::Directory(directory) = inode.kind else {
            return None;
        };
        if !self.entered.insert(inode.ino) {
            problems.at(path, &entered_before(inode.ino));
            return None;
        }
        Some(self.listings.list(&directory, path, problems).into_iter())
    }

    /// The next entry, or `None` at the end. `descend` says whether directories at this depth are
    /// entered.
    pub fn step(
        &mut self,
        problems: &mut dyn Problems,
        descend: impl Fn(usize) -> bool,
    ) -> Option<Visit> {
        let (entry, is_last) = loop {
            let entries = self.levels.last_mut()?;
            if let Some(entry) = entries.next() {
                break (entry, entries.as_slice().is_empty());
            }
            self.levels.pop();
            self.trail.leave();
        };
        let depth = self.levels.len() - 1;
        let path = self.trail.path_of(&entry.name);
        let inode = read_inode(self.image, entry.ino, &path, problems);
        if let Some(inode) = inode.as_ref().filter(|_| descend(depth)) {
            if let Some(entries) = self.entries(inode, &path, problems) {
                self.levels.push(entries);
                self.trail.enter(entry.ino, &entry.name);
            }
        }
        let Listed {
            name,
            ino,
            file_type,
        } = entry;
        Some(Visit {
            path,
            name,
            ino,
            file_type,
            inode,
            depth,
            is_last,
        })
    }
}

/// Reads an inode; if that fails it is reported, with the path.
pub fn read_inode<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    ino: Ino,
    path: &[u8],
    problems: &mut dyn Problems,
) -> Option<Inode> {
    match image.inode(ino) {
        Ok(inode) => Some(inode),
        Err(error) => {
            problems.at(path, &error);
            None
        }
    }
}
