// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of the format that a file of any source must respect.
//!
//! A source checks each file before it adds it to a tree, and says which file it is.

use std::path::PathBuf;

use daxfs_format::directory::is_valid_name;
use daxfs_format::limits::{MAX_FILE_SIZE, MAX_SYMLINK};
use daxfs_format::{FileType, Rdev};

use super::node::Status;
use crate::error::Error;
use crate::num::len64;

/// A sentence about a property that an image cannot hold.
#[derive(Debug)]
pub(crate) struct Limit(pub(crate) String);

impl Limit {
    /// The error for the file at `path`.
    pub(crate) fn at(self, path: PathBuf) -> Error {
        Error::Limit {
            path,
            limit: self.0,
        }
    }
}

/// Checks the length of a name, and that no directory entry is called like that.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Limit> {
    if is_valid_name(name) {
        return Ok(());
    }
    let limit = format!("a name may have 1 to 255 bytes, not {}", name.len());
    Err(Limit(limit))
}

/// The file type that a mode states.
pub(crate) fn file_type(mode: u16) -> Result<FileType, Limit> {
    FileType::from_mode(mode).ok_or_else(|| Limit(format!("mode {mode:#o} is of no file type")))
}

/// Checks size and owner.
pub(crate) fn check_status(status: &Status) -> Result<(), Limit> {
    if status.size > MAX_FILE_SIZE {
        let limit = format!("a file may have 2^63 - 1 bytes, not {}", status.size);
        return Err(Limit(limit));
    }
    if status.uid == u32::MAX || status.gid == u32::MAX {
        return Err(Limit("uid and gid may not be 2^32 - 1".to_owned()));
    }
    Ok(())
}

/// Checks the length of a symlink's target.
pub(crate) fn check_target(target: &[u8]) -> Result<(), Limit> {
    if (1..=MAX_SYMLINK).contains(&len64(target.len())) {
        return Ok(());
    }
    let length = target.len();
    let limit = format!("a symlink target may have 1 to 4095 bytes, not {length}");
    Err(Limit(limit))
}

/// The encoded number of a device.
pub(crate) fn encode_device(device: Rdev) -> Result<u32, Limit> {
    device.encode().ok_or_else(|| {
        let Rdev { major, minor } = device;
        Limit(format!(
            "device numbers end at 4095, 1048575; this is {major}, {minor}"
        ))
    })
}
