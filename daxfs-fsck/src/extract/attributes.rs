// SPDX-License-Identifier: MIT OR Apache-2.0
//! Owners, extended attributes, modes and times.
//!
//! The order matters: a change of owner clears set-ID bits and capabilities, an ACL changes the
//! mode, and any change after the time would change that.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use anyhow::Result;
use daxfs_image::attributes::{Attribute, Attributes};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{Inode, InodeKind, Namespace, Timestamp};
use daxfs_image::FileImage;
use rustix::fs::{
    chmod, chownat, fchmod, fchown, fremovexattr, fsetxattr, fstat, futimens, setxattr, utimensat,
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, UTIME_OMIT,
};
use rustix::io::Errno;

/// The bits of a mode that give a program the privileges of its owner or group.
const SET_ID: u16 = 0o6000;

/// A file that receives its attributes.
#[derive(Clone, Copy)]
pub(super) enum Handle<'a> {
    /// An open file.
    Open(BorrowedFd<'a>),
    /// A file that is open by `O_PATH` only: a symlink, a device, a FIFO or a socket.
    Path(BorrowedFd<'a>),
}

/// Sets the owner, extended attributes, mode and time of a file to those of `inode`. Failures go to
/// `problem`.
///
/// # Errors
/// Those of reading the image.
pub(super) fn apply(
    image: &FileImage,
    file: Handle<'_>,
    inode: &Inode,
    mut problem: impl FnMut(&str, Errno),
) -> Result<()> {
    let owned = file.set_owner(inode.uid, inode.gid);
    if let Err(error) = owned {
        let what = format!("set the owner {}:{}", inode.uid, inode.gid);
        problem(&what, error);
    }
    set_xattrs(image, file, inode, &mut problem)?;
    // A program must not get the privileges of the user who extracts.
    let unset = if owned.is_ok() { 0 } else { SET_ID };
    let mode = inode.permissions() & !unset;
    if !matches!(inode.kind, InodeKind::Symlink(_)) {
        if let Err(error) = file.set_mode(Mode::from_raw_mode(mode.into())) {
            problem(&format!("set the mode {mode:o}"), error);
        }
    }
    restore_time(file, inode.mtime, &mut problem);
    Ok(())
}

/// Sets the time of a file. A file system that cannot hold a time sets another one, without an
/// error.
fn restore_time(file: Handle<'_>, time: Timestamp, problem: &mut impl FnMut(&str, Errno)) {
    match file.set_time(time).and_then(|()| file.time()) {
        Ok(kept) if kept == time => {}
        Ok(kept) => {
            let text = |time: Timestamp| format!("{}.{:09}", time.seconds, time.nanoseconds);
            let what = format!("set the time {}, but only {}", text(time), text(kept));
            problem(&what, Errno::RANGE);
        }
        Err(error) => problem("set the time", error),
    }
}

fn set_xattrs(
    image: &FileImage,
    file: Handle<'_>,
    inode: &Inode,
    problem: &mut impl FnMut(&str, Errno),
) -> Result<()> {
    let Some(set) = inode.xattrs else {
        return Ok(());
    };
    for attribute in Attributes::new(image, set)? {
        let Attribute { name, value } = attribute?;
        if let Err(error) = file.set_xattr(&name, &value) {
            problem(&format!("set {}", shown(&name, Charset::Utf8)), error);
        }
    }
    Ok(())
}

impl Handle<'_> {
    fn set_owner(self, uid: u32, gid: u32) -> Result<(), Errno> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match self {
            Self::Open(file) => fchown(file, uid, gid),
            Self::Path(file) => chownat(file, "", uid, gid, AtFlags::EMPTY_PATH),
        }
    }

    fn set_xattr(self, name: &[u8], value: &[u8]) -> Result<(), Errno> {
        let flags = XattrFlags::empty();
        match self {
            Self::Open(file) => fsetxattr(file, name, value, flags),
            Self::Path(file) => setxattr(path_of(file), name, value, flags),
        }
    }

    fn set_mode(self, mode: Mode) -> Result<(), Errno> {
        match self {
            Self::Open(file) => fchmod(file, mode),
            Self::Path(file) => chmod(path_of(file), mode),
        }
    }

    fn time(self) -> Result<Timestamp, Errno> {
        let (Self::Open(file) | Self::Path(file)) = self;
        let status = fstat(file)?;
        Ok(Timestamp {
            seconds: status.st_mtime,
            nanoseconds: u32::try_from(status.st_mtime_nsec).map_err(|_| Errno::RANGE)?,
        })
    }

    fn set_time(self, time: Timestamp) -> Result<(), Errno> {
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: time.seconds,
                tv_nsec: time.nanoseconds.into(),
            },
        };
        match self {
            Self::Open(file) => futimens(file, &times),
            Self::Path(file) => utimensat(file, "", &times, AtFlags::EMPTY_PATH),
        }
    }
}

/// A path to the file of an `O_PATH` descriptor, for calls that take no descriptor. The last
/// component leads to the file itself, and is not followed further even if that is a symlink.
fn path_of(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Removes the ACLs of a directory, so that its entries inherit none.
pub(super) fn remove_acls(directory: &OwnedFd) -> Result<(), Errno> {
    for namespace in [Namespace::AclDefault, Namespace::AclAccess] {
        match fremovexattr(directory, namespace.prefix()) {
            Ok(()) | Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
