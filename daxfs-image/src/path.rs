// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths within an image. Symlinks are not followed.

use std::fmt;

use daxfs_format::{Error, Image, Inode, InodeKind, Memory, Xxh64};

/// Why a path names no inode.
#[derive(Debug)]
pub enum PathError {
    /// There is no entry with this name; the path up to and with it.
    NotFound(Vec<u8>),
    /// The path goes on after something that is no directory; the path up to it.
    NotADirectory(Vec<u8>),
    /// The image could not be read there.
    Image(Error),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(path) => write!(f, "{} is not in the image", path.escape_ascii()),
            Self::NotADirectory(path) => write!(f, "{} is not a directory", path.escape_ascii()),
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

/// The inode that a path names, from the root; leading, trailing and repeated slashes, and `.`, do
/// not matter, and `..` is the directory above.
///
/// # Errors
/// [`PathError`].
pub fn resolve<M: Memory, X: Xxh64>(image: &Image<M, X>, path: &[u8]) -> Result<Inode, PathError> {
    let mut inode = image.inode(image.superblock().root())?;
    let mut done = Vec::new();
    for name in path
        .split(|&byte| byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
    {
        let InodeKind::Directory(directory) = inode.kind else {
            return Err(PathError::NotADirectory(done));
        };
        done.push(b'/');
        done.extend_from_slice(name);
        let next = if name == b".." {
            directory.parent()
        } else {
            match image.lookup(&directory, name)? {
                Some(entry) => entry.ino,
                None => return Err(PathError::NotFound(done)),
            }
        };
        inode = image.inode(next)?;
    }
    Ok(inode)
}
