// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image in a file or block device that is mapped, so that file contents are slices of the map.
//!
//! ```no_run
//! use std::fs::File;
//!
//! use daxfs_image::{path, MappedImage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = File::open("weights.daxfs")?;
//! // SAFETY: no process writes to this image or truncates it while it is mapped.
//! let image = unsafe { MappedImage::map(&file)? };
//! let inode = path::resolve(image.image(), b"/layers/0.bin")?;
//! let weights: &[u8] = image.contents(&inode).ok_or("not contiguous")?;
//! println!("{} bytes, not one of them copied", weights.len());
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};

use daxfs_format::{Error, FileData, Inode, InodeKind, Memory, ReadFault};
use memmap2::{Mmap, MmapOptions};

use crate::opened::Opened;

/// A mapped file as the memory of an image.
pub struct MappedMemory(Mmap);

impl Memory for MappedMemory {
    fn size(&self) -> u64 {
        self.0[..].size()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        self.0[..].read(offset, into)
    }
}

/// An image that is mapped.
pub struct MappedImage(Opened<MappedMemory>);

/// The reason for which a file could not be mapped as an image.
#[derive(Debug)]
pub enum MapError {
    /// The operating system refused to map the file.
    Io(io::Error),
    /// The file is not an image, is damaged, or has an unknown version.
    Image(Error),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("cannot map the file"),
            Self::Image(_) => f.write_str("cannot open the mapped file as an image"),
        }
    }
}

impl std::error::Error for MapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Image(error) => Some(error),
        }
    }
}

impl MappedImage {
    /// Maps a file or block device and opens the image in it. Superblock and section table are
    /// verified. An image of unknown origin should be checked first.
    ///
    /// # Safety
    /// While the map exists, the file must not change or be truncated: contents are borrowed as
    /// slices, and a missing page raises `SIGBUS`. [`crate::file`] has no such condition.
    ///
    /// # Errors
    /// [`MapError`].
    #[allow(
        unsafe_code,
        reason = "mapping a file is the caller's promise about it"
    )]
    pub unsafe fn map(file: &File) -> Result<Self, MapError> {
        // The length of a block device is not in its metadata.
        let length = { file }.seek(SeekFrom::End(0)).map_err(MapError::Io)?;
        let length =
            usize::try_from(length).map_err(|_| MapError::Io(ErrorKind::FileTooLarge.into()))?;
        let mut options = MmapOptions::new();
        options.len(length);
        // SAFETY: `map` requires that the file is neither changed nor truncated while the map
        // exists. The caller of this function guarantees that.
        let map = unsafe { options.map(file) }.map_err(MapError::Io)?;
        let image = Opened::open(MappedMemory(map));
        image.map(Self).map_err(MapError::Image)
    }

    /// The image, to look things up in.
    #[must_use]
    pub fn image(&self) -> &Opened<MappedMemory> {
        &self.0
    }

    /// The mapped contents of a regular file, or `None` for a sparse file and for other types.
    #[must_use]
    pub fn contents(&self, inode: &Inode) -> Option<&[u8]> {
        let offset = match inode.kind {
            InodeKind::Regular(FileData::Empty) => return Some(&[]),
            InodeKind::Regular(FileData::Direct { offset } | FileData::Packed { offset }) => offset,
            _ => return None,
        };
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(inode.size).ok()?)?;
        self.0.memory().0.get(start..end)
    }
}

impl fmt::Debug for MappedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
