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

#[cfg(test)]
mod tests {
    use super::*;
    use daxfs_format::Timestamp;

    #[test]
    fn names_and_targets_have_lengths() {
        assert!(check_name(&[b'a'; 255]).is_ok());
        for wrong in [&[b'a'; 256][..], b"", b".", b"..", b"a/b", b"a\0b"] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(check_target(&[b'a'; 4095]).is_ok());
        for wrong in [&[b'a'; 4096][..], b""] {
            assert!(check_target(wrong).is_err(), "{} bytes", wrong.len());
        }
    }

    #[test]
    fn modes_have_a_type() {
        assert_eq!(file_type(0o100_644).unwrap(), FileType::Regular);
        assert!(file_type(0o644).is_err());
        assert!(file_type(0o170_644).is_err());
    }

    #[test]
    fn sizes_and_owners_have_limits() {
        let good = Status {
            mode: 0o100_644,
            uid: u32::MAX - 1,
            gid: u32::MAX - 1,
            size: MAX_FILE_SIZE,
            mtime: Timestamp {
                seconds: 0,
                nanoseconds: 0,
            },
            ctime: 0,
        };
        assert!(check_status(&good).is_ok());
        let size = MAX_FILE_SIZE + 1;
        for wrong in [
            Status { size, ..good },
            Status {
                uid: u32::MAX,
                ..good
            },
            Status {
                gid: u32::MAX,
                ..good
            },
        ] {
            assert!(check_status(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn device_numbers_have_limits() {
        let encode = |major, minor| encode_device(Rdev { major, minor });
        assert!(encode(4095, 1_048_575).is_ok());
        assert!(encode(4096, 0).is_err());
        let Limit(limit) = encode(0, 1_048_576).unwrap_err();
        assert_eq!(
            limit,
            "device numbers end at 4095, 1048575; this is 0, 1048576"
        );
    }
}
