// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening files and reading their status, relative to descriptors and without following symlinks.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use daxfs_format::Timestamp;
use rustix::fs::{openat, statat, AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{Change, Error};
use crate::own::FileKey;
use crate::tree::node::Status;

/// Length in bytes of the longest path that is opened in one step.
const MAX_STEP: usize = 4000;

/// Bytes as a string of the system.
pub(super) fn os(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The path of a file in the directory at `parent`, both below the source.
pub(super) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if parent.is_empty() { b"" } else { b"/" };
    [parent, separator, name].concat()
}

/// Opens the directory at a path below `root`, of any length.
pub(super) fn open_directory(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (mut at, mut rest) = (None::<OwnedFd>, path);
    while rest.len() > MAX_STEP {
        let slash = rest[..MAX_STEP].iter().rposition(|&byte| byte == b'/');
        let slash = slash.ok_or(Errno::NAMETOOLONG)?;
        let from = at.as_ref().map_or(root, OwnedFd::as_fd);
        at = Some(openat(from, &rest[..slash], flags, Mode::empty())?);
        rest = &rest[slash + 1..];
    }
    let from = at.as_ref().map_or(root, OwnedFd::as_fd);
    let rest = if rest.is_empty() { b"." } else { rest };
    openat(from, rest, flags, Mode::empty())
}

/// Opens a regular file for reading. If it has been replaced by a FIFO or a device, the call does
/// not wait and has no effect on it; the comparison of the status reports the replacement.
pub(super) fn open_file(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<File> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Only the owner of a file may leave its access time alone.
    match openat(directory, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(directory, name, flags, Mode::empty()),
        result => result,
    }
    .map(File::from)
}

/// The status of a file in an open directory. A symlink is not followed.
pub(super) fn status_in(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Stat> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statat(directory, name, flags)
}

/// The part of a `stat` that an image states, or that shows that a file has changed. A size below
/// zero becomes one that is too large.
pub(super) fn status_of(stat: &Stat) -> Status {
    let nanoseconds = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let ctime = stat.st_ctime.wrapping_mul(1_000_000_000);
    Status {
        mode: u16::try_from(stat.st_mode & 0xffff).unwrap_or(0),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size.cast_unsigned(),
        mtime: Timestamp {
            seconds: stat.st_mtime,
            nanoseconds: nanoseconds(stat.st_mtime_nsec),
        },
        ctime: ctime.wrapping_add(nanoseconds(stat.st_ctime_nsec).into()),
    }
}

/// Device and inode number of a `stat`.
pub(super) fn key_of(stat: &Stat) -> FileKey {
    FileKey {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

/// The error for a file that was listed: if it does not exist any more, it has vanished.
pub(super) fn gone_or(action: &'static str, path: PathBuf, errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Error::Changed {
            path,
            change: Change::Vanished,
        },
        errno => Error::io(action, path)(errno),
    }
}
