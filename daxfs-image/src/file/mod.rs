// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image in a file that is read with `pread`.
//!
//! A file that shrinks or changes during a read gives an error or other bytes, never a signal. A
//! small cache of chunks makes the many small reads of metadata cheap. Long reads, and those of the
//! data section, bypass it.

mod memory;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use daxfs_format::superblock::SuperblockCopy;
use daxfs_format::{Error, Memory, SectionKind};

use crate::escape::printable;
use crate::foreign::{self, Foreign};
use crate::opened::Opened;

pub use memory::FileMemory;

/// An image that is read from a file.
pub type FileImage = Opened<FileMemory>;

/// The reason for which a file could not be opened as an image.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system refused the file.
    Io(PathBuf, io::Error),
    /// The file, of this length in bytes, is an image that is damaged or has an unknown version.
    Image(PathBuf, u64, Error),
    /// The file, of this length in bytes, is not an image. The error has the rule that it breaks.
    NotAnImage(PathBuf, u64, Foreign, Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, _) => write!(f, "cannot read {}", printable(path)),
            Self::Image(path, size, _) => {
                let path = printable(path);
                write!(f, "cannot open {path} ({size} bytes) as an image")
            }
            Self::NotAnImage(path, _, foreign, _) => write!(f, "{}: {foreign}", printable(path)),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Image(_, _, error) => Some(error),
            Self::NotAnImage(..) => None,
        }
    }
}

/// Opens the image in a file or block device. Superblock and section table are verified.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let image = daxfs_image::file::open("doc.daxfs".as_ref())?;
/// let inode = daxfs_image::path::resolve(&image, b"/README.md")?;
/// println!("{}: {} bytes", image.identity(), inode.size);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpenError`], with the file's name.
pub fn open(path: &Path) -> Result<FileImage, OpenError> {
    let io = |error| OpenError::Io(path.to_owned(), error);
    let memory = FileMemory::open(path).map_err(io)?;
    let size = memory.size();
    let mut head = [0; foreign::HEAD];
    let length = usize::try_from(size).unwrap_or(usize::MAX).min(head.len());
    let read = memory.read(0, &mut head[..length]);
    let foreign = read.ok().and_then(|()| Foreign::of(&head[..length]));
    let broken = |error| match foreign {
        Some(foreign) => OpenError::NotAnImage(path.to_owned(), size, foreign, error),
        None => OpenError::Image(path.to_owned(), size, error),
    };
    let mut copy = Box::new(SuperblockCopy::zeroed());
    copy.fill(&memory)
        .map_err(|error| match memory.take_error() {
            Some(cause) => io(cause),
            None => broken(error),
        })?;
    let image = Opened::with_copy(memory, copy).map_err(broken)?;
    if let Some(data) = image.superblock().sections().get(SectionKind::Data) {
        image.memory().bypass(data.offset, data.end());
    }
    Ok(image)
}

/// Another view of an image, for another thread. The superblock is not read again.
///
/// # Errors
/// None that opening `image` has not had.
pub fn share(image: &FileImage) -> Result<FileImage, Error> {
    image.over(image.memory().share())
}
