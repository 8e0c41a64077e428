// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths in an image.
//!
//! A path starts at the root, with or without a slash. Symlinks are followed within the image, as
//! by a kernel with the image as root; a symlink at the end is followed on request. `<N>` at the
//! start of a path is the inode N, as in debugfs(8), so that inodes without a path can be named
//! too.

pub(crate) mod current;

use std::fmt;

use daxfs_format::{Error, Image, Ino, Inode, InodeKind, Memory, Symlink, Xxh64};

use crate::escape;

pub use current::{CurrentPath, MAX_PATH};

/// The number of symlinks that are followed (`MAXSYMLINKS` of Linux).
const MAX_LINKS: u32 = 40;

/// The treatment of a symlink at the end of a path. A symlink with a slash after it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLink {
    /// The path names the symlink.
    Keep,
    /// The path names the target of the symlink.
    Follow,
}

/// The inode that a path names.
#[derive(Clone, Debug)]
pub struct Found {
    /// The inode.
    pub inode: Inode,
    /// Its path without symlinks and dots, from the root.
    pub path: Vec<u8>,
}

/// The reason for which a path names nothing.
#[derive(Debug)]
pub enum PathError {
    /// A directory has no such entry.
    NotFound {
        /// The directory's path.
        directory: Vec<u8>,
        /// The name that is not in it.
        name: Vec<u8>,
    },
    /// The image has no such inode.
    NoInode {
        /// The number that the path begins with.
        number: u32,
        /// The highest number of an inode.
        count: u32,
    },
    /// The path continues after an inode that is not a directory.
    NotADirectory(Vec<u8>),
    /// The path leads through too many symlinks.
    Loop,
    /// The image could not be read there.
    Image(Error),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { directory, name } => {
                let (name, directory) = (
                    escape::quoted(name),
                    escape::shown(directory, escape::Charset::Ascii),
                );
                write!(f, "no entry {name} in {directory}")
            }
            Self::NoInode { number, count } => {
                write!(f, "no inode {number}: the image has inodes 1 to {count}")
            }
            Self::NotADirectory(path) => {
                write!(
                    f,
                    "{} is not a directory",
                    escape::shown(path, escape::Charset::Ascii)
                )
            }
            Self::Loop => write!(f, "more than {MAX_LINKS} symlinks on the way"),
            Self::Image(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PathError {}

impl From<Error> for PathError {
    fn from(error: Error) -> Self {
        Self::Image(error)
    }
}

/// Finds the inode that a path names.
///
/// # Errors
/// [`PathError`].
pub fn find<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    path: &[u8],
    last: LastLink,
) -> Result<Found, PathError> {
    let (start, rest) = match inode_prefix(path) {
        Some((number, rest)) => (existing(image, number)?, rest),
        None => (image.superblock().root(), path),
    };
    let mut lookup = Lookup {
        image,
        stack: vec![image.inode(start)?],
        current: CurrentPath::new(start, current::of_inode(image, start)),
        pending: Vec::new(),
        links: 0,
    };
    if !rest.is_empty() {
        lookup.push_components(rest);
    }
    while let Some(name) = lookup.pending.pop() {
        lookup.step(&name, last)?;
    }
    Ok(Found {
        inode: *lookup.top(),
        path: lookup.current.path(),
    })
}

/// Finds the inode that a path names; a symlink at its end is not followed.
///
/// # Errors
/// [`PathError`].
pub fn resolve<M: Memory, X: Xxh64>(image: &Image<M, X>, path: &[u8]) -> Result<Inode, PathError> {
    find(image, path, LastLink::Keep).map(|found| found.inode)
}

/// The target of a symlink.
///
/// # Errors
/// A rule that the target breaks, or a fault of the memory.
pub fn target<M: Memory, X: Xxh64>(image: &Image<M, X>, link: &Symlink) -> Result<Vec<u8>, Error> {
    let mut target = vec![0; usize::from(link.length())];
    image.read_link(link, &mut target)?;
    Ok(target)
}

/// Splits `<N>` off the start of a path.
fn inode_prefix(path: &[u8]) -> Option<(u32, &[u8])> {
    let inner = path.strip_prefix(b"<")?;
    let end = inner.iter().position(|&byte| byte == b'>')?;
    let (digits, rest) = (&inner[..end], &inner[end + 1..]);
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some((number, rest))
}

/// The inode with a number from a path, if it exists.
fn existing<M: Memory, X: Xxh64>(image: &Image<M, X>, number: u32) -> Result<Ino, PathError> {
    let count = image.inode_count();
    Ino::new(number)
        .filter(|_| number <= count)
        .ok_or(PathError::NoInode { number, count })
}

struct Lookup<'a, M, X> {
    image: &'a Image<M, X>,
    /// The inodes from the start of the path to the current one. Never empty.
    stack: Vec<Inode>,
    /// Their path.
    current: CurrentPath,
    /// The components that are left, the next one last.
    pending: Vec<Vec<u8>>,
    links: u32,
}

impl<M: Memory, X: Xxh64> Lookup<'_, M, X> {
    fn top(&self) -> &Inode {
        // PANIC: the stack begins with one element, and `up` keeps the last one.
        self.stack.last().expect("a lookup has a current inode")
    }

    /// Starts again at an inode.
    fn restart(&mut self, ino: Ino) -> Result<(), PathError> {
        self.stack = vec![self.image.inode(ino)?];
        self.current = CurrentPath::new(ino, current::of_inode(self.image, ino));
        Ok(())
    }

    fn push_components(&mut self, path: &[u8]) {
        let names = path.split(|&byte| byte == b'/').rev();
        self.pending.extend(names.map(<[u8]>::to_vec));
    }

    fn step(&mut self, name: &[u8], last: LastLink) -> Result<(), PathError> {
        let InodeKind::Directory(directory) = self.top().kind else {
            return Err(PathError::NotADirectory(self.current.path()));
        };
        match name {
            b"" | b"." => return Ok(()),
            b".." => return self.up(directory.parent()),
            _ => {}
        }
        let Some(entry) = self.image.lookup(&directory, name)? else {
            let (directory, name) = (self.current.path(), name.to_vec());
            return Err(PathError::NotFound { directory, name });
        };
        let inode = self.image.inode(entry.ino)?;
        match inode.kind {
            InodeKind::Symlink(link) if last == LastLink::Follow || !self.pending.is_empty() => {
                self.follow(&link)
            }
            _ => {
                self.stack.push(inode);
                self.current.enter(entry.ino, name);
                Ok(())
            }
        }
    }

    fn up(&mut self, parent: Ino) -> Result<(), PathError> {
        if self.stack.len() == 1 {
            return self.restart(parent);
        }
        self.stack.pop();
        self.current.leave();
        Ok(())
    }

    fn follow(&mut self, link: &Symlink) -> Result<(), PathError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(PathError::Loop);
        }
        let target = target(self.image, link)?;
        if target.starts_with(b"/") {
            self.restart(self.image.superblock().root())?;
        }
        self.push_components(&target);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inode_numbers_in_angle_brackets_start_a_path() {
        let split = |path| inode_prefix(path);
        assert_eq!(split(b"<7>"), Some((7, &b""[..])));
        assert_eq!(split(b"<7>/a"), Some((7, &b"/a"[..])));
        for path in [&b"/<7>"[..], b"<7>a", b"<-1>", b"<x>", b"<7", b"<>"] {
            assert_eq!(split(path), None);
        }
    }
}
