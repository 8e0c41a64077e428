// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths as they are printed.
//!
//! A tree may be 100,000 directories deep, and the sum of all its paths quadratic in that. So a path
//! of more than [`MAX_PATH`] bytes is printed as `<N>/name`, where N is the inode of the directory;
//! every command takes that form as an argument.

use daxfs_format::{Image, Ino, Memory, Xxh64};

/// The longest path that is printed in full, in bytes (`PATH_MAX` of Linux).
pub const MAX_PATH: usize = 4096;

/// The way from a start to a directory.
#[derive(Clone, Debug)]
pub struct Trail {
    /// The whole path, however long it is.
    bytes: Vec<u8>,
    /// For each directory on the way its number and the length of its path. Never empty.
    levels: Vec<(Ino, usize)>,
}

impl Trail {
    /// The trail that starts at the directory `ino`, whose path is `path`.
    #[must_use]
    pub fn new(ino: Ino, path: Vec<u8>) -> Self {
        let levels = vec![(ino, path.len())];
        Self {
            bytes: path,
            levels,
        }
    }

    /// Goes on into `name`, whose inode is `ino`.
    pub fn enter(&mut self, ino: Ino, name: &[u8]) {
        append(&mut self.bytes, name);
        self.levels.push((ino, self.bytes.len()));
    }

    /// Goes back by one; from the start it does not go back.
    pub fn leave(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        }
        self.bytes.truncate(self.here().1);
    }

    fn here(&self) -> (Ino, usize) {
        // PANIC: a trail begins with one level, and `leave` leaves it.
        *self.levels.last().expect("a trail starts somewhere")
    }

    /// The path of where the trail ends.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        if self.bytes.len() > MAX_PATH {
            return by_number(self.here().0);
        }
        self.bytes.clone()
    }

    /// The path of the entry `name` of where the trail ends.
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

/// The path of something that is known by its inode number only.
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
    fn a_trail_leads_there_and_back() {
        let ino = |number| Ino::new(number).unwrap();
        let mut trail = Trail::new(ino(1), b"/".to_vec());
        assert_eq!(trail.path_of(b"usr"), b"/usr");
        trail.enter(ino(2), b"usr");
        trail.enter(ino(3), b"bin");
        assert_eq!(trail.path(), b"/usr/bin");
        trail.leave();
        assert_eq!(trail.path_of(b"lib"), b"/usr/lib");
        trail.leave();
        trail.leave();
        assert_eq!(trail.path(), b"/");
    }

    #[test]
    fn what_is_too_long_to_print_is_named_by_its_directory() {
        let ino = |number| Ino::new(number).unwrap();
        let mut trail = Trail::new(ino(1), b"/".to_vec());
        for number in 2..20 {
            trail.enter(ino(number), &[b'x'; 255]);
        }
        assert_eq!(trail.path(), b"<19>");
        assert_eq!(trail.path_of(b"a"), b"<19>/a");
        for _ in 0..10 {
            trail.leave();
        }
        assert_eq!(trail.path().len(), 8 * 256);
    }
}
