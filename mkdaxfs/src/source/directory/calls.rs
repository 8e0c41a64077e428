// SPDX-License-Identifier: MIT OR Apache-2.0
//! The calls to the system that a scan and its readers make.
//!
//! [`Calls`] is a trait so that tests can answer as odd file systems do. [`System`] calls the C
//! library, never the kernel itself: libraries such as that of fakeroot replace functions of the C
//! library, and what they pretend is what a user wants in the image. Interrupted calls are repeated.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{
    fstat, lgetxattr, llistxattr, openat, readlinkat, statat, statx, AtFlags, Mode, OFlags, RawDir,
    Stat, StatxAttributes, StatxFlags,
};
use rustix::io::{retry_on_intr, Errno};

use crate::own::FileKey;

/// An answer of the system.
pub(crate) type Answered<T> = rustix::io::Result<T>;

/// Length of the buffer for directory entries, in bytes.
const ENTRIES: usize = 64 << 10;

/// The status of a file, as the system answers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) key: FileKey,
    pub(crate) mode: u32,
    pub(crate) links: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    pub(crate) size: i64,
    /// Seconds and nanoseconds.
    pub(crate) mtime: (i64, i64),
    /// Seconds and nanoseconds.
    pub(crate) ctime: (i64, i64),
}

impl From<Stat> for Answer {
    fn from(stat: Stat) -> Self {
        Self {
            key: FileKey {
                device: stat.st_dev,
                inode: stat.st_ino,
            },
            mode: stat.st_mode,
            // Some architectures have 32 bits.
            #[allow(clippy::useless_conversion, reason = "types differ by architecture")]
            links: stat.st_nlink.into(),
            uid: stat.st_uid,
            gid: stat.st_gid,
            device: (
                rustix::fs::major(stat.st_rdev),
                rustix::fs::minor(stat.st_rdev),
            ),
            size: stat.st_size,
            mtime: (stat.st_mtime, stat.st_mtime_nsec),
            ctime: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

/// The mount that a file is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The number of the mount, if the kernel tells it.
    pub(crate) id: Option<u64>,
    /// True for a mount point, or `None` if the kernel does not tell it.
    pub(crate) is_root: Option<bool>,
}

/// Receives the names of a directory; false ends the listing.
pub(crate) type EachName<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

/// The calls. Paths and names are relative to an open directory, and symlinks are not followed.
pub(crate) trait Calls: Sync {
    /// Opens a directory.
    fn open_directory(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd>;

    /// Opens a directory that a user has named. Symlinks are followed.
    fn open_source(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd>;

    /// Opens a regular file for reading. If it has been replaced by a FIFO or a device, the call
    /// does not wait and has no effect on it; the comparison of the status reports the replacement.
    fn open_file(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<File>;

    /// The status of an open file.
    fn status(&self, file: BorrowedFd<'_>) -> Answered<Answer>;

    /// The status of a file in a directory.
    fn status_in(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Answer>;

    /// The mount that a file in a directory is on.
    fn mount(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Mount>;

    /// The names in a directory, with `.` and `..`.
    fn names(&self, directory: BorrowedFd<'_>, each: EachName<'_>) -> Answered<()>;

    /// The target of a symlink.
    fn target(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Vec<u8>>;

    /// The names of the extended attributes of the file at a path, each with a NUL behind it.
    fn xattr_names(&self, path: &[u8], into: &mut [u8]) -> Answered<usize>;

    /// The value of an extended attribute.
    fn xattr(&self, path: &[u8], name: &[u8], into: &mut [u8]) -> Answered<usize>;

    /// Reads bytes of a file, perhaps fewer than there are.
    fn read(&self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// The calls of this system.
pub(crate) struct System;

impl Calls for System {
    fn open_directory(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| openat(at, path, flags, Mode::empty()))
    }

    fn open_source(&self, at: BorrowedFd<'_>, path: &[u8]) -> Answered<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(at, path, flags, Mode::empty()))
    }

    fn open_file(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<File> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = |flags| retry_on_intr(|| openat(at, name, flags, Mode::empty()));
        // Only the owner of a file may leave its access time alone.
        let file = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            result => result,
        };
        file.map(File::from)
    }

    fn status(&self, file: BorrowedFd<'_>) -> Answered<Answer> {
        retry_on_intr(|| fstat(file)).map(Answer::from)
    }

    fn status_in(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Answer> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        retry_on_intr(|| statat(at, name, flags)).map(Answer::from)
    }

    fn mount(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Mount> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let status = match retry_on_intr(|| statx(at, name, flags, StatxFlags::MNT_ID)) {
            Err(Errno::NOSYS) => {
                return Ok(Mount {
                    id: None,
                    is_root: None,
                })
            }
            result => result?,
        };
        let has_id = status.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        let root = StatxAttributes::MOUNT_ROOT;
        let is_known = status.stx_attributes_mask.contains(root);
        Ok(Mount {
            id: has_id.then_some(status.stx_mnt_id),
            is_root: is_known.then(|| status.stx_attributes.contains(root)),
        })
    }

    fn names(&self, directory: BorrowedFd<'_>, each: EachName<'_>) -> Answered<()> {
        let mut buffer = [const { MaybeUninit::uninit() }; ENTRIES];
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if !each(entry.file_name().to_bytes()) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn target(&self, at: BorrowedFd<'_>, name: &[u8]) -> Answered<Vec<u8>> {
        retry_on_intr(|| readlinkat(at, name, Vec::new())).map(std::ffi::CString::into_bytes)
    }

    fn xattr_names(&self, path: &[u8], into: &mut [u8]) -> Answered<usize> {
        retry_on_intr(|| llistxattr(path, &mut *into))
    }

    fn xattr(&self, path: &[u8], name: &[u8], into: &mut [u8]) -> Answered<usize> {
        retry_on_intr(|| lgetxattr(path, name, &mut *into))
    }

    fn read(&self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(into, offset)
    }
}
