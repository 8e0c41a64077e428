// SPDX-License-Identifier: MIT OR Apache-2.0
//! A walk that reads everything in an image, in every way.
//!
//! It visits each inode from the root, and for each of them: attributes by list and by name;
//! targets; every entry by iteration, by lookup and from the cookie before it; every segment of a
//! file, its bytes and its digest. Every range that a reader returns must lie in its section,
//! whatever the image says: that is asserted here, and a violation panics.

mod files;

use daxfs_format::{
    Cookie, Directory, Error, Image, Ino, InodeKind, ListBuf, Listed, Memory, NameBuf, SectionKind,
    Symlink, XattrSetId, Xxh64,
};

use crate::num::{from_usize, to_usize};

/// The number of objects that a walk has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Inodes, each counted once.
    pub inodes: u64,
    /// Directory entries.
    pub entries: u64,
    /// Attributes.
    pub xattrs: u64,
    /// Segments of files, holes included.
    pub segments: u64,
    /// Bytes of file contents that were copied.
    pub bytes: u64,
}

/// A problem that a walk has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// An object that could not be read.
    Unreadable(Error),
    /// Two ways to read one object that disagree.
    Disagreement(&'static str, Ino),
}

/// The outcome of a walk.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The objects that were read.
    pub tally: Tally,
    /// The number of problems.
    pub problems: u64,
    /// The first of them.
    pub first: Option<Problem>,
}

/// Walks over all objects of `image`, and continues after problems.
pub fn walk<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Report {
    walk_with(image, &mut vec![0; BUFFER])
}

/// The length of the buffer of a walk in bytes: the longest value of an attribute.
pub const BUFFER: usize = 65536;

/// As [`walk`], through a buffer of [`BUFFER`] bytes that the caller keeps.
pub fn walk_with<M: Memory, X: Xxh64>(image: &Image<M, X>, buffer: &mut [u8]) -> Report {
    let inodes = to_usize(image.inode_count().into());
    let mut walker = Walker {
        image,
        report: Report::default(),
        visited: vec![false; inodes + 1],
        stack: vec![image.superblock().root()],
        buffer,
    };
    walker.run();
    walker.report
}

/// Reads inode `ino` with its attributes, entries and contents, and no other inode.
pub fn visit<M: Memory, X: Xxh64>(image: &Image<M, X>, ino: Ino) -> Report {
    let mut walker = Walker {
        image,
        report: Report::default(),
        visited: Vec::new(),
        stack: Vec::new(),
        buffer: &mut vec![0; BUFFER],
    };
    walker.inode(ino);
    walker.report
}

struct Walker<'i, 'b, M, X> {
    image: &'i Image<M, X>,
    report: Report,
    visited: Vec<bool>,
    stack: Vec<Ino>,
    buffer: &'b mut [u8],
}

impl<M: Memory, X: Xxh64> Walker<'_, '_, M, X> {
    fn run(&mut self) {
        while let Some(ino) = self.stack.pop() {
            self.enter(ino);
        }
        for ino in self.image.inode_numbers() {
            if !self.visited[to_usize(ino.get().into())] {
                self.problem(Problem::Disagreement("an inode is in no directory", ino));
                self.enter(ino);
            }
        }
    }

    fn enter(&mut self, ino: Ino) {
        match self.visited.get_mut(to_usize(ino.get().into())) {
            Some(visited) if !*visited => *visited = true,
            Some(_) => return,
            None => {}
        }
        self.inode(ino);
    }

    fn problem(&mut self, problem: Problem) {
        self.report.problems += 1;
        self.report.first.get_or_insert(problem);
    }

    /// Returns the value, or counts the error as a problem.
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result
            .map_err(|error| self.problem(Problem::Unreadable(error)))
            .ok()
    }

    fn agree(&mut self, same: bool, what: &'static str, ino: Ino) {
        if !same {
            self.problem(Problem::Disagreement(what, ino));
        }
    }

    /// Asserts that a range which a reader returned lies in its section.
    fn inside(&self, kind: SectionKind, offset: u64, length: u64) {
        let section = self.image.superblock().sections().get(kind);
        assert!(
            section.is_some_and(|section| section.holds(offset, length)),
            "{length} bytes at {offset:#x} are outside the {kind} section"
        );
    }

    fn inode(&mut self, ino: Ino) {
        let Some(inode) = self.note(self.image.inode(ino)) else {
            return;
        };
        self.report.tally.inodes += 1;
        if let Some(set) = inode.xattrs {
            self.xattrs(ino, set);
        }
        match inode.kind {
            InodeKind::Directory(directory) => self.directory(&directory),
            InodeKind::Symlink(link) => self.symlink(ino, &link),
            InodeKind::Regular(data) => self.file(&inode, &data),
            InodeKind::CharDevice(rdev) | InodeKind::BlockDevice(rdev) => {
                assert!(rdev.encode().is_some(), "a device number out of range");
            }
            InodeKind::Fifo | InodeKind::Socket => {}
        }
    }

    fn xattrs(&mut self, ino: Ino, id: XattrSetId) {
        let Some(set) = self.note(self.image.xattrs(id)) else {
            return;
        };
        let mut walk = set.walk();
        loop {
            let next = self.image.next_xattr(&mut walk);
            let Some(Some(xattr)) = self.note(next) else {
                return;
            };
            self.report.tally.xattrs += 1;
            self.inside(
                SectionKind::Xattrs,
                xattr.value_at(),
                xattr.value_length().into(),
            );
            let mut buffer = [0; 255];
            let Some(name) = self.note(self.image.xattr_name(&xattr, &mut buffer)) else {
                continue;
            };
            let found = self.note(self.image.find_xattr(&set, xattr.namespace, name));
            self.agree(
                found == Some(Some(xattr)),
                "list and get of an attribute",
                ino,
            );
            let length = self.image.xattr_value(&xattr, self.buffer).map(<[u8]>::len);
            let whole = self.note(length).map(from_usize);
            self.agree(
                whole == Some(xattr.value_length().into()),
                "an attribute's length",
                ino,
            );
        }
    }

    fn symlink(&mut self, ino: Ino, link: &Symlink) {
        self.inside(SectionKind::Symlinks, link.offset(), link.length().into());
        let target = self.image.read_link(link, self.buffer).map(<[u8]>::len);
        let length = self.note(target);
        self.agree(
            length == Some(link.length().into()),
            "a target's length",
            ino,
        );
    }

    fn directory(&mut self, directory: &Directory) {
        if !directory.is_empty() {
            self.inside(
                SectionKind::Directories,
                directory.offset(),
                directory.unit_length(),
            );
        }
        let ino = directory.ino();
        let Some(mut position) = self.note(self.image.seek(directory, Cookie::START)) else {
            return;
        };
        let mut seen = 0;
        let mut resumed = None;
        let mut buffer = ListBuf::new();
        loop {
            let next = self.image.next_entry(directory, &mut position, &mut buffer);
            let Some(next) = self.note(next) else {
                return;
            };
            if let Some(mut resumed) = resumed {
                let mut buffer = ListBuf::new();
                let again = self.image.next_entry(directory, &mut resumed, &mut buffer);
                let again = self.note(again);
                self.agree(again == Some(next), "iteration and cookie", ino);
            }
            let Some(listed) = next else {
                break;
            };
            let cookie = listed.cookie;
            let same = Cookie::from_offset(cookie.to_offset()) == cookie;
            self.agree(same, "a cookie and its offset", ino);
            let stored = self.note(self.image.entry(directory, seen));
            self.agree(
                stored == Some(Some(listed.entry)),
                "iteration and index",
                ino,
            );
            seen += 1;
            self.entry(directory, &listed);
            resumed = self.note(self.image.seek(directory, cookie.next()));
        }
        self.agree(seen == directory.len(), "a directory's length", ino);
        let absent = self.note(self.image.lookup(directory, b"such a name is absent"));
        self.agree(absent == Some(None), "an absent name", ino);
    }

    fn entry(&mut self, directory: &Directory, listed: &Listed<'_>) {
        self.report.tally.entries += 1;
        let (ino, entry) = (directory.ino(), &listed.entry);
        let mut buffer = NameBuf::new();
        let name = self.note(self.image.name(directory, entry, &mut buffer));
        self.agree(name == Some(listed.name), "two ways to read a name", ino);
        let found = self.note(self.image.lookup(directory, listed.name));
        self.agree(found == Some(Some(*entry)), "iteration and lookup", ino);
        if let Some(inode) = self.note(self.image.child(directory, entry)) {
            let same = inode.file_type() == entry.file_type;
            self.agree(same, "the types of entry and inode", ino);
        }
        if !self.visited.is_empty() {
            self.stack.push(entry.ino);
        }
    }
}
