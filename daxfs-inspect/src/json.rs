// SPDX-License-Identifier: MIT OR Apache-2.0
//! File types, modes and times as JSON values.

use daxfs_image::format::{FileType, Timestamp};
use serde::Serialize;

/// A time as a JSON object.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC.
    s: i64,
    /// Nanoseconds.
    ns: u32,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self {
            s: time.seconds,
            ns: time.nanoseconds,
        }
    }
}

/// The name of a file type in JSON.
#[must_use]
pub fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "fifo",
        FileType::CharDevice => "char_device",
        FileType::Directory => "directory",
        FileType::BlockDevice => "block_device",
        FileType::Regular => "regular",
        FileType::Symlink => "symlink",
        FileType::Socket => "socket",
    }
}

/// Permissions in JSON: four octal digits.
#[must_use]
pub fn permissions(permissions: u16) -> String {
    format!("{permissions:04o}")
}
