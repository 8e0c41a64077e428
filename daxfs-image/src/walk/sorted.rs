// SPDX-License-Identifier: MIT OR Apache-2.0
//! A walk over the whole tree in the order of names, each directory before its entries.
//!
//! It needs memory for the entries of the directories that lead to the current one. Whatever the
//! image states, it enters a directory once only, and lists no two whose units overlap.

use std::vec;

use daxfs_format::{FileType, Image, Ino, Inode, InodeKind, Memory, Xxh64};

use super::listing::{Listed, Listings};
use super::problems::{entered_before, Problems};
use crate::inodes::InodeSet;
use crate::path::{CurrentPath, Found};

/// A traversal of the tree below a directory.
pub struct Traversal<'a, M, X> {
    image: &'a Image<M, X>,
    listings: Listings<'a, M, X>,
    levels: Vec<vec::IntoIter<Listed>>,
    current: CurrentPath,
    entered: InodeSet,
}

/// A step of a traversal: an entry.
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
    /// The number of directories between the start and the entry; 0 for the entries of the start.
    pub depth: usize,
    /// True if it is the last entry of its directory.
    pub is_last: bool,
}

impl<'a, M: Memory, X: Xxh64> Traversal<'a, M, X> {
    /// A traversal from a directory, which is not visited itself. From another inode it is empty.
    pub fn new(image: &'a Image<M, X>, start: &Found, problems: &mut dyn Problems) -> Self {
        let entered = InodeSet::new(image);
        let current = CurrentPath::new(start.inode.ino, start.path.clone());
        let mut traversal = Self {
            image,
            listings: Listings::new(image),
            levels: Vec::new(),
            current,
            entered,
        };
        if let Some(entries) = traversal.entries(&start.inode, &start.path, problems) {
            traversal.levels.push(entries);
        }
        traversal
    }

    /// The entries of a directory that was not entered before.
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

    /// The next entry, or `None` at the end. Directories at a depth for which `descend` returns
    /// true are entered.
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
            self.current.leave();
        };
        let depth = self.levels.len() - 1;
        let path = self.current.path_of(&entry.name);
        let inode = read_inode(self.image, entry.ino, &path, problems);
        if let Some(inode) = inode.as_ref().filter(|_| descend(depth)) {
            if let Some(entries) = self.entries(inode, &path, problems) {
                self.levels.push(entries);
                self.current.enter(entry.ino, &entry.name);
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

/// Reads an inode. A failure is reported, with the path.
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
