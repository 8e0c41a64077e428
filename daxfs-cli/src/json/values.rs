// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts, times, types, modes and devices as JSON values.

use std::fmt;

use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{text, FileType, Rdev, Timestamp};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// Borrowed bytes that usually are text, as a JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(self.0) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("hex", &Hex(self.0))?;
        map.end()
    }
}

/// Owned bytes that usually are text: a name, a path, a label. Escaped in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<u8>);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0, Charset::Utf8))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes(&self.0).serialize(serializer)
    }
}

/// Bytes in hexadecimal digits, as a JSON string.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&text::Hex(self.0))
    }
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC.
    seconds: i64,
    /// Nanoseconds after them, also before 1970.
    nanoseconds: u32,
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        }
    }
}

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    major: u32,
    minor: u32,
}

impl From<Rdev> for Device {
    fn from(Rdev { major, minor }: Rdev) -> Self {
        Self { major, minor }
    }
}

/// The name of a file type.
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

/// Permissions: four octal digits.
#[must_use]
pub fn permissions(permissions: u16) -> String {
    format!("{permissions:04o}")
}
