// SPDX-License-Identifier: MIT OR Apache-2.0
//! Owners, extended attributes, modes and times.
//!
//! The order matters: a change of owner clears set-ID bits and capabilities, an ACL changes the
//! mode, and any change after the time would change that.
//!
//! Some file systems ignore what they cannot hold. So owner, mode and time are read back.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use anyhow::Result;
use daxfs_cli::time::decimal;
use daxfs_image::acl;
use daxfs_image::attributes::{Attribute, Attributes};
use daxfs_image::escape::{shown, Charset};
use daxfs_image::format::{Inode, InodeKind, Namespace, Timestamp};
use daxfs_image::path::LastLink;
use daxfs_image::FileImage;
use rustix::fs::{
    chmod, chownat, fchmod, fchown, flistxattr, fremovexattr, fsetxattr, fstat, futimens, openat,
    setxattr, utimensat, AtFlags, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags,
    UTIME_OMIT,
};
use rustix::io::Errno;
use rustix::path::Arg;
use rustix::process::geteuid;

use super::restore::{Owners, Restore, Xattrs};
use super::summary::{LacksSetIds, Loss, Summary};

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

/// A file that receives the attributes of an inode. Failures are losses.
pub(super) struct Restoration<'a> {
    pub(super) image: &'a FileImage,
    pub(super) file: Handle<'a>,
    pub(super) inode: &'a Inode,
    /// Its path, for messages.
    pub(super) path: &'a [u8],
    pub(super) restore: Restore,
    pub(super) summary: &'a mut Summary,
}

impl Restoration<'_> {
    /// Sets owner, extended attributes, mode and time.
    ///
    /// # Errors
    /// Those of reading the image.
    pub(super) fn apply(&mut self) -> Result<()> {
        let owned = self.set_owner();
        let group = self.set_xattrs()?;
        let mode =
            (!matches!(self.inode.kind, InodeKind::Symlink(_))).then(|| self.mode(owned, group));
        if let Some(mode) = mode {
            if let Err(error) = self.file.set_mode(Mode::from_raw_mode(mode.into())) {
                self.problem(Loss::Mode, &format!("set the mode {mode:o}"), error);
            }
        }
        if let Err(error) = self.file.set_time(self.inode.mtime) {
            self.problem(Loss::Time, "set the time", error);
        }
        self.compare(owned, mode);
        Ok(())
    }

    fn problem(&mut self, loss: Loss, what: &str, error: Errno) {
        match (self.file, error) {
            // These calls reach the file through that directory.
            (Handle::Path(_), Errno::NOENT | Errno::NOTDIR) => {
                self.summary
                    .lose(loss, self.path, what, "/proc is not mounted");
            }
            _ => self.summary.problem(loss, self.path, what, error),
        }
    }

    /// Sets the owner. Returns true if the file has it.
    fn set_owner(&mut self) -> bool {
        let Inode { uid, gid, .. } = *self.inode;
        if self.restore.owners == Owners::OfUser {
            let owned = self
                .file
                .status()
                .is_ok_and(|file| owner(&file) == (uid, gid));
            if !owned {
                let lacks = self.inode.permissions() & SET_ID != 0;
                let lacks = if lacks {
                    LacksSetIds::Yes
                } else {
                    LacksSetIds::No
                };
                self.summary.other_owner(lacks);
            }
            return owned;
        }
        match self.file.set_owner(uid, gid) {
            Ok(()) => true,
            Err(error) => {
                let what = format!("set the owner {uid}:{gid}");
                if error == Errno::INVAL {
                    let reason = "no such ID in this user namespace (--no-same-owner)";
                    self.summary.lose(Loss::Owner, self.path, &what, reason);
                } else {
                    self.problem(Loss::Owner, &what, error);
                }
                false
            }
        }
    }

    /// Sets the extended attributes. Returns the permissions of the file's group if they are in an
    /// access ACL that the file does not receive: the mode then states those of the mask instead.
    fn set_xattrs(&mut self) -> Result<Option<u16>> {
        let mut group = None;
        let Some(set) = self.inode.xattrs else {
            return Ok(group);
        };
        for attribute in Attributes::new(self.image, set)? {
            let Attribute { name, value } = attribute?;
            let namespace = namespace(&name);
            let set = match self.restore.xattrs {
                Xattrs::Keep => self.file.set_xattr(&name, &value),
                Xattrs::LeaveOut => Ok(()),
            };
            let kept = set.is_ok() && self.restore.xattrs == Xattrs::Keep;
            if namespace == Some(Namespace::AclAccess) && !kept {
                group = acl::group_permissions(&value);
            }
            if let Err(error) = set {
                let what = format!("set {}", shown(&name, Charset::Utf8));
                self.problem(Loss::Attribute(namespace), &what, error);
            }
        }
        Ok(group)
    }

    /// The mode that the file receives.
    fn mode(&self, owned: bool, group: Option<u16>) -> u16 {
        let permissions = self.restore.modes.of(self.inode.permissions());
        // A program must not get the privileges of the user who extracts.
        let permissions = if owned {
            permissions
        } else {
            permissions & !SET_ID
        };
        match group {
            Some(group) => permissions & (!0o070 | (group << 3)),
            None => permissions,
        }
    }

    /// Compares the file with the attributes that it should have received. Failures to set them
    /// were recorded before.
    fn compare(&mut self, owned: bool, mode: Option<u16>) {
        let Ok(file) = self.file.status() else {
            return;
        };
        let lost = "the target has kept another one";
        let (uid, gid) = (self.inode.uid, self.inode.gid);
        if owned && owner(&file) != (uid, gid) {
            let what = format!("set the owner {uid}:{gid}");
            self.summary.lose(Loss::Owner, self.path, &what, lost);
        }
        let kept = file.st_mode & 0o7777;
        if let Some(mode) = mode.filter(|&mode| u32::from(mode) != kept) {
            let what = format!("set the mode {mode:o}, but only {kept:o}");
            self.summary.lose(Loss::Mode, self.path, &what, lost);
        }
        let time = self.inode.mtime;
        let wanted = (time.seconds, i64::from(time.nanoseconds));
        if (file.st_mtime, file.st_mtime_nsec) != wanted {
            let kept = Timestamp {
                seconds: file.st_mtime,
                nanoseconds: u32::try_from(file.st_mtime_nsec).unwrap_or_default(),
            };
            let (wanted, kept) = (decimal(time), decimal(kept));
            let what = format!("set the time {wanted}, but only {kept}");
            self.summary.lose(Loss::Time, self.path, &what, lost);
        }
    }
}

fn owner(file: &Stat) -> (u32, u32) {
    (file.st_uid, file.st_gid)
}

/// The namespace of a full name of an image's attribute.
fn namespace(name: &[u8]) -> Option<Namespace> {
    let mut all = Namespace::ALL.into_iter();
    all.find(|namespace| name.starts_with(namespace.prefix().as_bytes()))
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

    fn status(self) -> Result<Stat, Errno> {
        let (Self::Open(file) | Self::Path(file)) = self;
        fstat(file)
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

/// Opens a directory that is to receive entries. A user who owns it gets access to it, if a former
/// extraction has restored a mode without.
pub(super) fn open_directory(
    parent: impl AsFd,
    name: impl Arg + Copy,
    link: LastLink,
) -> Result<OwnedFd, Errno> {
    let follow = match link {
        LastLink::Follow => OFlags::empty(),
        LastLink::Keep => OFlags::NOFOLLOW,
    };
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | follow;
    let open = || openat(parent.as_fd(), name, flags | OFlags::RDONLY, Mode::empty());
    let directory = match open() {
        Err(Errno::ACCESS) => {
            let closed = openat(parent.as_fd(), name, flags | OFlags::PATH, Mode::empty())?;
            let mode = Mode::from_raw_mode(fstat(&closed)?.st_mode & 0o7777);
            chmod(path_of(closed.as_fd()), mode | Mode::RWXU).map_err(|_| Errno::ACCESS)?;
            open()?
        }
        directory => directory?,
    };
    let status = fstat(&directory)?;
    let mode = Mode::from_raw_mode(status.st_mode & 0o7777);
    let user = geteuid();
    if !mode.contains(Mode::RWXU) && !user.is_root() && user.as_raw() == status.st_uid {
        fchmod(&directory, mode | Mode::RWXU)?;
    }
    Ok(directory)
}

/// Removes the attributes of an existing directory: its entries must inherit no ACL, and it must
/// have no others than in the image. Labels and other attributes of security modules stay. Without
/// attributes in the extraction, those of users stay too.
pub(super) fn clear(directory: &OwnedFd, restore: Restore, mut problem: impl FnMut(&str, Errno)) {
    for name in attribute_names(directory) {
        let removed = match namespace(&name) {
            Some(Namespace::AclAccess | Namespace::AclDefault) => true,
            Some(Namespace::User | Namespace::Trusted) => restore.xattrs == Xattrs::Keep,
            Some(Namespace::Security) | None => false,
        };
        if !removed {
            continue;
        }
        match fremovexattr(directory, &*name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => problem(&format!("remove {}", shown(&name, Charset::Utf8)), error),
        }
    }
}

/// The names of the attributes of a file; none if they cannot be listed.
fn attribute_names(file: &OwnedFd) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 1 << 16];
    let length = flistxattr(file, &mut buffer).unwrap_or(0);
    buffer.truncate(length);
    let names = buffer
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty());
    names.map(<[u8]>::to_vec).collect()
}
