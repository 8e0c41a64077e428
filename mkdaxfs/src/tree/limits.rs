// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of the format that a tree of any source must respect.
//!
//! [`TreeBuilder`](super::builder::TreeBuilder) enforces all of them. A source checks a name before
//! it uses it as one.

use std::fmt;
use std::path::PathBuf;

use daxfs_format::directory::is_valid_name;
use daxfs_format::limits::{MAX_DIRECTORY, MAX_FILE_SIZE, MAX_NAME, MAX_SYMLINK};
use daxfs_format::{FileType, Rdev};

use super::node::Status;
use crate::error::Error;
use crate::num::len64;

/// A rule that a file or a directory breaks, with the value that breaks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The length of a name.
    NameLength(usize),
    /// A name that stands for a directory itself, or for its parent.
    NameDots,
    /// A name with a slash or a NUL.
    NameSeparator,
    /// A mode without a file type.
    FileType(u32),
    /// A mode with the type of another kind of file.
    Kind(u16),
    /// The size of a file.
    FileSize(u64),
    /// A user or group of 2^32 - 1.
    Owner,
    /// The nanoseconds of a time.
    Nanoseconds(u32),
    /// The length of a symlink's target.
    TargetLength(usize),
    /// A symlink's target with a NUL.
    TargetNul,
    /// A device number.
    Device(Rdev),
    /// The length of a list of attribute names.
    XattrList(u64),
    /// The length of an attribute's value.
    XattrValue(usize),
    /// Attributes that do not ascend by namespace and name.
    XattrOrder,
    /// An ACL.
    Acl,
    /// The mode that an ACL was checked for is not that of its file.
    AclMode(u16),
    /// The number of inodes.
    Inodes,
    /// The number of names.
    Entries,
    /// The length of a directory.
    DirectoryLength,
    /// A name that a directory has twice.
    NameTwice,
    /// A name that is not in the order of the format.
    NameOrder,
    /// A name of a file that the tree does not have.
    NoFile,
    /// A root that is not a directory.
    RootType,
    /// A name of the root.
    RootNamed,
    /// A directory with two names.
    DirectoryNamedTwice,
    /// A directory of the source that is below itself.
    BelowItself,
    /// Names of a file that is not a directory.
    NotDirectory,
    /// Names of a directory that has been given its names before.
    NamesTwice,
    /// The number of files that no path from the root leads to.
    Unreachable(usize),
}

impl Limit {
    /// The error for the file at `path`.
    pub(crate) fn at(self, path: PathBuf) -> Error {
        Error::Limit {
            path,
            limit: self.to_string(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameLength(..) | Self::NameDots | Self::NameSeparator => self.name(f),
            Self::XattrList(_)
            | Self::XattrValue(_)
            | Self::XattrOrder
            | Self::Acl
            | Self::AclMode(_) => self.xattr(f),
            Self::Inodes
            | Self::Entries
            | Self::DirectoryLength
            | Self::NameTwice
            | Self::NameOrder
            | Self::NoFile
            | Self::RootType
            | Self::RootNamed
            | Self::DirectoryNamedTwice
            | Self::BelowItself
            | Self::NotDirectory
            | Self::NamesTwice
            | Self::Unreachable(_) => self.tree(f),
            _ => self.file(f),
        }
    }
}

impl Limit {
    /// Formats a rule about names.
    fn name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameLength(length) => {
                write!(f, "a name may have 1 to {MAX_NAME} bytes, not {length}")
            }
            Self::NameDots => f.write_str("a name may not be '.' or '..'"),
            _ => f.write_str("a name may not have a slash or a NUL"),
        }
    }

    /// Formats a rule about metadata.
    fn file(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileType(mode) => write!(f, "mode {mode:#o} is of no file type"),
            Self::Kind(mode) => write!(f, "mode {mode:#o} is of another type than the file"),
            Self::FileSize(size) => write!(f, "a file may have 2^63 - 1 bytes, not {size}"),
            Self::Owner => f.write_str("uid and gid may not be 2^32 - 1"),
            Self::Nanoseconds(value) => {
                write!(f, "a time may have 999999999 nanoseconds, not {value}")
            }
            Self::TargetLength(length) => write!(
                f,
                "a symlink target may have 1 to {MAX_SYMLINK} bytes, not {length}"
            ),
            Self::TargetNul => f.write_str("a symlink target may not have a NUL"),
            Self::Device(Rdev { major, minor }) => write!(
                f,
                "device numbers end at 4095, 1048575; this is {major}, {minor}"
            ),
            _ => f.write_str("its metadata exceed a limit of the format"),
        }
    }

    /// Formats a rule about extended attributes.
    fn xattr(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::XattrList(length) => write!(
                f,
                "the names of its extended attributes may have 65536 bytes, not {length}"
            ),
            Self::XattrValue(length) => write!(
                f,
                "the value of an extended attribute may have 65536 bytes, not {length}"
            ),
            Self::XattrOrder => f.write_str("its extended attributes are not in order"),
            Self::AclMode(mode) => write!(f, "its ACL is that of a file with mode {mode:#o}"),
            _ => f.write_str("its ACL is malformed, or does not agree with its mode"),
        }
    }

    /// Formats a rule about the tree.
    fn tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inodes => f.write_str("a tree may have 2^31 - 1 inodes"),
            Self::Entries => f.write_str("a tree may have 2^32 - 1 names"),
            Self::DirectoryLength => write!(
                f,
                "a directory may have {MAX_DIRECTORY} bytes of names and entries"
            ),
            Self::NameTwice => f.write_str("its directory lists this name twice"),
            Self::NameOrder => f.write_str("the names of its directory are not in order"),
            Self::NoFile => f.write_str("the name is that of no file"),
            Self::RootType => f.write_str("the root of a tree must be a directory"),
            Self::RootNamed => f.write_str("the root of a tree may not have a name"),
            Self::DirectoryNamedTwice => f.write_str("a directory may have one name only"),
            Self::BelowItself => f.write_str("the directory is below itself"),
            Self::NotDirectory => f.write_str("only a directory may hold names"),
            Self::NamesTwice => f.write_str("its names have been given before"),
            Self::Unreachable(count) => {
                write!(f, "{count} files are in no directory below the root")
            }
            _ => f.write_str("it exceeds a limit of the format"),
        }
    }
}

/// Checks that a directory may have an entry of this name.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Limit> {
    if is_valid_name(name) {
        return Ok(());
    }
    Err(match name {
        b"." | b".." => Limit::NameDots,
        name if (1..=MAX_NAME).contains(&name.len()) => Limit::NameSeparator,
        name => Limit::NameLength(name.len()),
    })
}

/// The file type that a mode states.
pub(crate) fn file_type(mode: u32) -> Result<FileType, Limit> {
    let mode16 = u16::try_from(mode).ok();
    let file_type = mode16.and_then(FileType::from_mode);
    file_type.ok_or(Limit::FileType(mode))
}

/// Checks the size of a regular file. That of other files is not in an image.
pub(super) fn check_size(size: u64) -> Result<(), Limit> {
    if size > MAX_FILE_SIZE {
        return Err(Limit::FileSize(size));
    }
    Ok(())
}

/// Checks owner and time.
pub(super) fn check_status(status: &Status) -> Result<(), Limit> {
    if status.uid == u32::MAX || status.gid == u32::MAX {
        return Err(Limit::Owner);
    }
    match status.mtime.nanoseconds {
        0..=999_999_999 => Ok(()),
        wrong => Err(Limit::Nanoseconds(wrong)),
    }
}

/// Checks a symlink's target.
pub(super) fn check_target(target: &[u8]) -> Result<(), Limit> {
    if !(1..=MAX_SYMLINK).contains(&len64(target.len())) {
        return Err(Limit::TargetLength(target.len()));
    }
    if target.contains(&0) {
        return Err(Limit::TargetNul);
    }
    Ok(())
}

/// The encoded number of a device.
pub(crate) fn encode_device(device: Rdev) -> Result<u32, Limit> {
    device.encode().ok_or(Limit::Device(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_lengths_and_no_separators() {
        assert_eq!(check_name(&[b'a'; 255]), Ok(()));
        for (wrong, limit) in [
            (&[b'a'; 256][..], Limit::NameLength(256)),
            (b"", Limit::NameLength(0)),
            (b".", Limit::NameDots),
            (b"..", Limit::NameDots),
            (b"a/b", Limit::NameSeparator),
            (b"a\0b", Limit::NameSeparator),
        ] {
            assert_eq!(check_name(wrong), Err(limit), "{wrong:?}");
        }
    }

    #[test]
    fn modes_have_a_type() {
        assert_eq!(file_type(0o100_644).unwrap(), FileType::Regular);
        for wrong in [0o644, 0o170_644, 0o1_100_644, u32::MAX] {
            assert_eq!(file_type(wrong), Err(Limit::FileType(wrong)));
        }
    }

    #[test]
    fn device_numbers_have_limits() {
        let encode = |major, minor| encode_device(Rdev { major, minor });
        assert!(encode(4095, 1_048_575).is_ok());
        assert!(encode(4096, 0).is_err());
        let limit = encode(0, 1_048_576).unwrap_err();
        assert_eq!(
            limit.to_string(),
            "device numbers end at 4095, 1048575; this is 0, 1048576"
        );
    }
}
