// SPDX-License-Identifier: MIT OR Apache-2.0
//! A walk over two trees at once, in the order of names.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec;

use daxfs_image::format::{Error, FileType, Ino, Inode, InodeKind};
use daxfs_image::hash::Xxh64;
use daxfs_image::path::CurrentPath;
use daxfs_image::walk::{entered_before, read_inode};
use daxfs_image::walk::{Listed, Listings};
use daxfs_image::InodeSet;

use crate::console::Console;
use crate::open::{Inspected, Salvaged};

/// A path that exists in one of two trees, or in both.
#[derive(Debug)]
pub struct Pair {
    /// The path.
    pub path: Vec<u8>,
    /// The entry in the first tree.
    pub a: Option<Side>,
    /// The entry in the second tree.
    pub b: Option<Side>,
}

/// The entry of one tree at a path.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// The type that the entry states.
    pub file_type: FileType,
    /// The inode, unless it cannot be read, which has been reported.
    pub inode: Option<Inode>,
}

/// A walk over two trees.
pub struct Pairs<'a> {
    a: Tree<'a>,
    b: Tree<'a>,
    levels: Vec<(Entries, Entries)>,
    current: CurrentPath,
    roots: Option<Pair>,
}

type Entries = Peekable<vec::IntoIter<Listed>>;

/// One of the trees.
struct Tree<'a> {
    image: &'a Inspected,
    listings: Listings<'a, Salvaged, Xxh64>,
    entered: InodeSet,
}

impl<'a> Pairs<'a> {
    /// A walk from both roots, which are the first pair.
    ///
    /// # Errors
    /// A rule that the inode of a root breaks.
    pub fn new(
        a: &'a Inspected,
        b: &'a Inspected,
        console: &mut Console<'_>,
    ) -> Result<Self, Error> {
        let root = b.superblock().root();
        let side = |inode: Inode| Side {
            file_type: inode.file_type(),
            inode: Some(inode),
        };
        let roots = Pair {
            path: b"/".to_vec(),
            a: Some(side(a.inode(a.superblock().root())?)),
            b: Some(side(b.inode(root)?)),
        };
        let mut pairs = Self {
            a: Tree::new(a),
            b: Tree::new(b),
            levels: Vec::new(),
            current: CurrentPath::new(root, b"/".to_vec()),
            roots: None,
        };
        let level = pairs.below(&roots, console);
        pairs.levels.extend(level);
        pairs.roots = Some(roots);
        Ok(pairs)
    }

    /// The entries below a pair, if one of its sides is a directory.
    fn below(&mut self, pair: &Pair, console: &mut Console<'_>) -> Option<(Entries, Entries)> {
        let a = self.a.list(pair.a.as_ref(), &pair.path, console);
        let b = self.b.list(pair.b.as_ref(), &pair.path, console);
        if a.is_none() && b.is_none() {
            return None;
        }
        let entries = |list: Option<Vec<Listed>>| list.unwrap_or_default().into_iter().peekable();
        Some((entries(a), entries(b)))
    }

    /// The next path, or `None` at the end.
    pub fn step(&mut self, console: &mut Console<'_>) -> Option<Pair> {
        if let Some(roots) = self.roots.take() {
            return Some(roots);
        }
        let (a, b) = loop {
            let (a, b) = self.levels.last_mut()?;
            match next(a, b) {
                (None, None) => {
                    self.levels.pop();
                    self.current.leave();
                }
                found => break found,
            }
        };
        let listed = b.as_ref().or(a.as_ref())?;
        let (name, ino) = (listed.name.clone(), listed.ino);
        let path = self.current.path_of(&name);
        let pair = Pair {
            a: a.map(|listed| self.a.side(&listed, &path, console)),
            b: b.map(|listed| self.b.side(&listed, &path, console)),
            path,
        };
        if let Some(level) = self.below(&pair, console) {
            self.levels.push(level);
            self.current.enter(ino, &name);
        }
        Some(pair)
    }
}

/// Takes the entries with the lowest name.
fn next(a: &mut Entries, b: &mut Entries) -> (Option<Listed>, Option<Listed>) {
    let order = match (a.peek(), b.peek()) {
        (Some(a), Some(b)) => a.name.cmp(&b.name),
        (Some(_), None) => Ordering::Less,
        (None, _) => Ordering::Greater,
    };
    match order {
        Ordering::Less => (a.next(), None),
        Ordering::Equal => (a.next(), b.next()),
        Ordering::Greater => (None, b.next()),
    }
}

impl<'a> Tree<'a> {
    fn new(image: &'a Inspected) -> Self {
        Self {
            image,
            listings: Listings::new(image),
            entered: InodeSet::new(image),
        }
    }

    fn side(&self, listed: &Listed, path: &[u8], console: &mut Console<'_>) -> Side {
        let inode = read_inode(self.image, listed.ino, path, console);
        Side {
            file_type: listed.file_type,
            inode,
        }
    }

    /// The entries of a directory that was not entered before; `None` for other inodes.
    fn list(
        &mut self,
        side: Option<&Side>,
        path: &[u8],
        console: &mut Console<'_>,
    ) -> Option<Vec<Listed>> {
        let inode = side?.inode?;
        let InodeKind::Directory(directory) = inode.kind else {
            return None;
        };
        if !self.enter(inode.ino) {
            console.problem_at(path, entered_before(inode.ino));
            return None;
        }
        Some(self.listings.list(&directory, path, console))
    }

    fn enter(&mut self, ino: Ino) -> bool {
        self.entered.insert(ino)
    }
}
