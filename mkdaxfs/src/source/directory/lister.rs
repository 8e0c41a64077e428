// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listing one directory: its names, and the metadata of what they name.
//!
//! Nothing is opened but the directory.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use daxfs_format::{FileType, Rdev};
use rustix::fs::{readlinkat, RawDir, Stat};
use rustix::io::Errno;

use super::listing::{Found, Listing, Names};
use super::open::{gone_or, join, key_of, open_directory, status_in, status_of};
use super::root::Directory;
use super::xattrs::{XattrError, XattrReader};
use crate::error::{Error, Result};
use crate::observer::{LeftOut, Observer};
use crate::options::Keep;
use crate::tree::builder::{NewKind, NewNode};
use crate::tree::limits::{self, Limit};
use crate::tree::xattrs::EncodedSet;

/// Length of the buffer for directory entries, in bytes.
const ENTRIES: usize = 64 << 10;

/// Parameters that all listers of a scan share.
#[derive(Clone, Copy)]
pub(super) struct Listers<'a> {
    pub(super) directory: &'a Directory,
    pub(super) observer: &'a dyn Observer,
    /// The device that the scan stays on.
    pub(super) device: Option<u64>,
}

/// Lists directories. Each thread has its own.
pub(super) struct Lister<'a> {
    shared: Listers<'a>,
    buffer: Vec<MaybeUninit<u8>>,
    reader: Option<XattrReader>,
}

impl<'a> Lister<'a> {
    pub(super) fn new(shared: Listers<'a>) -> Self {
        let keep = shared.directory.rules.xattrs == Keep::Yes;
        Self {
            shared,
            buffer: vec![MaybeUninit::uninit(); ENTRIES],
            reader: keep.then(XattrReader::new),
        }
    }

    /// The source's directory itself.
    pub(super) fn root(&mut self, stat: &Stat) -> Result<NewNode> {
        self.enter(self.shared.directory.descriptor(), b"");
        let status = status_of(stat);
        let root = FileAt {
            shared: self.shared,
            parent: b"",
            name: b".",
        };
        Ok(NewNode {
            status,
            xattrs: self.xattrs(&root, status.mode)?,
            kind: NewKind::Directory,
        })
    }

    /// Lists the directory at this path below the source.
    pub(super) fn list(&mut self, path: &[u8]) -> Result<Listing> {
        let root = self.shared.directory;
        let directory = open_directory(root.descriptor(), path)
            .map_err(|errno| gone_or("open the directory", root.full_path(path), errno))?;
        self.enter(directory.as_fd(), path);
        let (mut listing, names) = Listing::new(self.names(&directory, path)?);
        for name in names {
            let at = FileAt {
                shared: self.shared,
                parent: path,
                name: listing.bytes(&name),
            };
            if let Some(found) = self.find(directory.as_fd(), &at)? {
                listing.push(name, found);
            }
        }
        listing.sort();
        Ok(listing)
    }

    /// Reads the names in a directory.
    fn names(&mut self, directory: &OwnedFd, path: &[u8]) -> Result<Names> {
        let root = self.shared.directory;
        let mut names = Names::default();
        let mut entries = RawDir::new(directory, &mut self.buffer[..]);
        while let Some(entry) = entries.next() {
            let entry = entry
                .map_err(|errno| Error::io("read the directory", root.full_path(path))(errno))?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            limits::check_name(name)
                .map_err(|limit| limit.at(root.full_path(&join(path, name))))?;
            names.push(name);
        }
        Ok(names)
    }

    /// The metadata of a file, or `None` if it is left out.
    fn find(&mut self, directory: BorrowedFd<'_>, at: &FileAt<'_>) -> Result<Option<Found>> {
        let stat = status_in(directory, at.name)
            .map_err(|errno| at.gone_or("read the metadata of", errno))?;
        let status = status_of(&stat);
        let file_type = limits::file_type(stat.st_mode).map_err(|limit| at.limit(limit))?;
        if at.is_left_out(&stat, file_type) {
            return Ok(None);
        }
        let is_directory = file_type == FileType::Directory;
        let keeps_links = self.shared.directory.rules.hard_links == Keep::Yes;
        Ok(Some(Found {
            node: NewNode {
                status,
                xattrs: self.xattrs(at, status.mode)?,
                kind: at.kind(directory, &stat, file_type)?,
            },
            linked: (keeps_links && stat.st_nlink > 1 && !is_directory).then(|| key_of(&stat)),
            is_scanned: is_directory && !at.is_elsewhere(&stat),
        }))
    }

    /// Goes to the directory at this path below the source, to read the attributes of its files.
    fn enter(&mut self, directory: BorrowedFd<'_>, path: &[u8]) {
        if let Some(reader) = &mut self.reader {
            let path = self.shared.directory.full_path(path);
            reader.enter(directory, path.as_os_str().as_bytes());
        }
    }

    /// The attributes of a file in the directory that the lister is in.
    fn xattrs(&mut self, at: &FileAt<'_>, mode: u16) -> Result<EncodedSet> {
        let Some(reader) = &mut self.reader else {
            return Ok(EncodedSet::default());
        };
        match reader.read(at.name, mode) {
            Ok(xattrs) => {
                if xattrs.foreign != 0 {
                    at.report(LeftOut::Xattr);
                }
                Ok(xattrs.set)
            }
            Err(XattrError::Limit(limit)) => Err(at.limit(limit)),
            Err(XattrError::System(errno)) => Err(Error::io(
                "read the extended attributes of",
                at.path(),
            )(errno)),
        }
    }
}

/// A file in a directory, by its name.
struct FileAt<'a> {
    shared: Listers<'a>,
    /// The path of the directory below the source.
    parent: &'a [u8],
    name: &'a [u8],
}

impl FileAt<'_> {
    fn path(&self) -> PathBuf {
        let below = join(self.parent, self.name);
        self.shared.directory.full_path(&below)
    }

    fn limit(&self, limit: Limit) -> Error {
        limit.at(self.path())
    }

    fn gone_or(&self, action: &'static str, errno: Errno) -> Error {
        gone_or(action, self.path(), errno)
    }

    fn report(&self, why: LeftOut) {
        self.shared.observer.left_out(&self.path(), why);
    }

    /// Returns true if the file lies on a device that the scan does not enter.
    fn is_elsewhere(&self, stat: &Stat) -> bool {
        let device = self.shared.device;
        device.is_some_and(|device| device != stat.st_dev)
    }

    /// Reports a file that is left out, or a mount point whose tree is, and returns true for the
    /// former.
    fn is_left_out(&self, stat: &Stat, file_type: FileType) -> bool {
        if let Some(why) = self.left_out(stat, file_type) {
            self.report(why);
            return true;
        }
        if self.is_elsewhere(stat) {
            self.report(LeftOut::Mounted);
        }
        false
    }

    /// The reason why a file is left out. A mount point is not.
    fn left_out(&self, stat: &Stat, file_type: FileType) -> Option<LeftOut> {
        let rules = &self.shared.directory.rules;
        let exclude = &rules.exclude;
        if !exclude.is_empty() {
            let below = join(self.parent, self.name);
            let path = self.shared.directory.path_in_image(&below);
            if exclude.matches(&path, file_type) {
                return Some(LeftOut::Excluded);
            }
        }
        if rules.image == Some(key_of(stat)) {
            return Some(LeftOut::Image);
        }
        let is_elsewhere = self.is_elsewhere(stat) && file_type != FileType::Directory;
        is_elsewhere.then_some(LeftOut::OtherFileSystem)
    }

    /// The part of a file's metadata that depends on its type.
    fn kind(&self, directory: BorrowedFd<'_>, stat: &Stat, file_type: FileType) -> Result<NewKind> {
        Ok(match file_type {
            FileType::Regular => NewKind::Regular,
            FileType::Directory => NewKind::Directory,
            FileType::Symlink => NewKind::Symlink(self.target(directory)?),
            FileType::CharDevice | FileType::BlockDevice => NewKind::Device(self.device(stat)?),
            FileType::Fifo | FileType::Socket => NewKind::Other,
        })
    }

    fn target(&self, directory: BorrowedFd<'_>) -> Result<Vec<u8>> {
        readlinkat(directory, self.name, Vec::new())
            .map(std::ffi::CString::into_bytes)
            .map_err(|errno| self.gone_or("read the symlink", errno))
    }

    fn device(&self, stat: &Stat) -> Result<u32> {
        let device = Rdev {
            major: rustix::fs::major(stat.st_rdev),
            minor: rustix::fs::minor(stat.st_rdev),
        };
        limits::encode_device(device).map_err(|limit| self.limit(limit))
    }
}
