// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking for an image in memory.

use std::fs::File;
use std::io;
use std::path::Path;

use daxfs_image::format::superblock::{SuperblockCopy, MAGIC, SUPERBLOCK_SIZE};
use daxfs_image::format::{Identity, Memory};
use daxfs_image::hash::{Sha256, Xxh64};
use daxfs_image::{DeviceMemory, FileMemory};

use super::range::Range;

/// The contents at the beginning of some memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// The superblock of an image that fits.
    Image(Found),
    /// The magic number of an image, but a superblock that breaks a rule.
    Damaged(String),
    /// Something else.
    NoImage,
    /// Not read, for this reason.
    NotRead(String),
}

/// The properties of an image that its superblock states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The label.
    pub label: Vec<u8>,
    /// The length in bytes.
    pub size: u64,
    /// The identity.
    pub identity: Identity,
}

/// The contents of a file that can only be mapped, from `offset` on, which is the start of `range`.
/// Images begin at the first multiple of 2 MiB.
#[must_use]
pub fn mapped(path: &Path, offset: u64, range: Range) -> Contents {
    let look = || {
        let skip = skip(range)?;
        let file = File::open(path)?;
        let memory = DeviceMemory::map(&file, offset + skip, SUPERBLOCK_SIZE)?;
        Ok(contents(&memory, range.size() - skip))
    };
    look().unwrap_or_else(|error: io::Error| not_read(path, &error))
}

/// The contents of a block device whose memory is `range`.
#[must_use]
pub fn block(path: &Path, range: Range) -> Contents {
    if range.mountable() != Some(range) {
        return Contents::NotRead("it does not begin at a multiple of 2 MiB".to_owned());
    }
    match File::open(path).and_then(FileMemory::new) {
        Ok(memory) => contents(&memory, range.size()),
        Err(error) => not_read(path, &error),
    }
}

fn not_read(path: &Path, error: &io::Error) -> Contents {
    Contents::NotRead(format!("{}: {error}", path.display()))
}

/// The distance of the first possible image from the start of `range`.
fn skip(range: Range) -> io::Result<u64> {
    let mountable = range.mountable().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(mountable.start - range.start)
}

/// The contents at the beginning of `memory`, of which there are `size` bytes.
fn contents<M: Memory>(memory: &M, size: u64) -> Contents {
    let mut superblock = Box::new(SuperblockCopy::zeroed());
    if let Err(error) = superblock.fill(memory) {
        return Contents::NotRead(error.to_string());
    }
    if superblock.raw().magic != MAGIC {
        return Contents::NoImage;
    }
    match superblock.validate::<Xxh64>(size) {
        Ok(valid) => Contents::Image(Found {
            label: valid.label().to_vec(),
            size: valid.image_size(),
            identity: superblock.identity::<Sha256>(),
        }),
        Err(error) => Contents::Damaged(error.to_string()),
    }
}
