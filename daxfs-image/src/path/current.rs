// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths as they are printed.
//!
//! A tree may be 100,000 directories deep, and the sum of all its paths quadratic in that. So a
//! path of more than [`MAX_PATH`] bytes is printed as `<N>/name`, where N is the inode of the
//! directory. Commands accept that form as an argument.

use daxfs_format::{Image, Ino, Memory, Xxh64};

/// The longest path that is printed in full, in bytes (`PATH_MAX` of Linux).
pub const MAX_PATH: usize = 4096;

/// The current path of a walk, from its start to a directory.
#[derive(Clone, Debug)]
pub struct CurrentPath {
    /// The whole path, however long it is.
    bytes: Vec<u8>,
    /// The number of each directory on the path, and the length of its path. Never empty.
    levels: Vec<(Ino, usize)>,
}

impl CurrentPath {
    /// The path of a walk that starts at the directory `ino`, whose path is `path`.
    #[must_use]
    pub fn new(ino: Ino, path: Vec<u8>) -> Self {
        let levels = vec![(ino, path.len())];
        Self {
            bytes: path,
            levels,
        }
    }

    /// Enters the directory `name`, whose inode is `ino`.
    pub fn enter(&mut self, ino: Ino, name: &[u8]) {
        append(&mut self.bytes, name);
        self.levels.push((ino, self.bytes.len()));
    }

    /// Leaves the last directory, unless it is the start.
    pub fn leave(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        }
        self.bytes.truncate(self.here().1);
    }

    fn here(&self) -> (Ino, usize) {
        // PANIC: there is one level at first, and `leave` keeps it.
        *self.levels.last().expect("the start is a level")
    }

    /// The path of the current directory.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        if self.bytes.len() > MAX_PATH {
            return by_number(self.here().0);
        }
        self.bytes.clone()
    }

    /// The path of the entry `name` of the current directory.
    #[must_use]
    pub fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = if self.bytes.len() + name.len() >= MAX_PATH {
            by_number(self.here().0)
        } else {
            self.bytes.clone()
        };
        append(&mut path, name);
        path
    }
}

/// Appends a name to a path.
pub(crate) fn append(path: &mut Vec<u8>, name: &[u8]) {
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The path of an inode that is known by its number only.
#[must_use]
pub(super) fn of_inode<M: Memory, X: Xxh64>(image: &Image<M, X>, ino: Ino) -> Vec<u8> {
    if ino == image.superblock().root() {
        b"/".to_vec()
    } else {
        by_number(ino)
    }
}

/// An inode number as the start of a path.
#[must_use]
pub(crate) fn by_number(ino: Ino) -> Vec<u8> {
    format!("<{ino}>").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_follows_the_directories_that_are_entered_and_left() {
        let ino = |number| Ino::new(number).unwrap();
        let mut path = CurrentPath::new(ino(1), b"/".to_vec());
        assert_eq!(path.path_of(b"usr"), b"/usr");
        path.enter(ino(2), b"usr");
        path.enter(ino(3), b"bin");
        assert_eq!(path.path(), b"/usr/bin");
        path.leave();
        assert_eq!(path.path_of(b"lib"), b"/usr/lib");
        path.leave();
        path.leave();
        assert_eq!(path.path(), b"/");
    }

    #[test]
    fn a_path_too_long_to_print_begins_with_its_directory() {
        let ino = |number| Ino::new(number).unwrap();
        let mut path = CurrentPath::new(ino(1), b"/".to_vec());
        for number in 2..20 {
            path.enter(ino(number), &[b'x'; 255]);
        }
        assert_eq!(path.path(), b"<19>");
        assert_eq!(path.path_of(b"a"), b"<19>/a");
        for _ in 0..10 {
            path.leave();
        }
        assert_eq!(path.path().len(), 8 * 256);
    }
}
