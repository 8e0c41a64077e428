// SPDX-License-Identifier: MIT OR Apache-2.0
//! A field of an inode that changed.

use std::fmt;

use daxfs_cli::json::{self, Bytes};
use daxfs_cli::time;
use daxfs_image::escape;
use daxfs_image::format::text::Digest;
use daxfs_image::format::{FileType, Rdev, Timestamp};
use serde::{Serialize, Serializer};

use crate::human;

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A file type.
    Type(FileType),
    /// Permissions.
    Mode(u16),
    /// A time.
    Time(Timestamp),
    /// A device number.
    Device(Rdev),
    /// Any bytes.
    Bytes(Vec<u8>),
    /// A SHA-256.
    Digest([u8; 32]),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Type(file_type) => f.write_str(human::type_name(*file_type)),
            Self::Mode(mode) => f.write_str(&json::permissions(*mode)),
            Self::Time(time) => f.write_str(&time::exact(*time)),
            Self::Device(device) => write!(f, "{}:{}", device.major, device.minor),
            Self::Bytes(bytes) => f.write_str(&escape::quoted(bytes)),
            Self::Digest(digest) => Digest(digest).fmt(f),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Type(file_type) => json::type_name(*file_type).serialize(serializer),
            Self::Mode(mode) => json::permissions(*mode).serialize(serializer),
            Self::Time(time) => json::Time::from(*time).serialize(serializer),
            Self::Device(device) => json::Device::from(*device).serialize(serializer),
            Self::Bytes(bytes) => Bytes(bytes).serialize(serializer),
            Self::Digest(digest) => serializer.collect_str(&Digest(digest)),
        }
    }
}

/// A field that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The name of the field: that of the key in a record of the file, `data` or `xattr`.
    pub field: &'static str,
    /// The name of the extended attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<json::Text>,
    /// The old value, if there was one and it is short enough to be printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

impl Change {
    pub(super) fn new(field: &'static str, old: Value, new: Value) -> Self {
        Self {
            field,
            name: None,
            old: Some(old),
            new: Some(new),
        }
    }

    /// The change in text.
    #[must_use]
    pub fn text(&self) -> String {
        let field = match &self.name {
            Some(name) => format!("{} {}", self.field, escape::quoted(&name.0)),
            None => self.field.to_owned(),
        };
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{field} {old} -> {new}"),
            (Some(old), None) => format!("{field} {old} removed"),
            (None, Some(new)) => format!("{field} {new} added"),
            (None, None) => field,
        }
    }
}
