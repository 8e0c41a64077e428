// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listing one directory: its names, and the metadata of what they name.
//!
//! Nothing is opened but the directory. A file that cannot be read is reported, and the listing
//! goes on without it.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use daxfs_format::{FileType, Rdev};
use rustix::io::Errno;

use super::calls::{Answer, Calls};
use super::listing::{Found, Listing, Names};
use super::open::{gone_or, join, status_of, Opener};
use super::root::Directory;
use super::way::Way;
use super::xattrs::{XattrError, XattrReader};
use crate::error::{Error, Result};
use crate::observer::{LeftOut, Observer};
use crate::options::{Boundary, Keep, Unreadable};
use crate::source::problems::Problems;
use crate::tree::builder::{NewKind, NewNode};
use crate::tree::limits::{self, Limit};
use crate::tree::node::NodeId;
use crate::tree::xattrs::EncodedSet;

/// Parameters that all listers of a scan share.
#[derive(Clone, Copy)]
pub(super) struct Listers<'a> {
    pub(super) directory: &'a Directory,
    pub(super) observer: &'a dyn Observer,
    pub(super) problems: &'a Problems<'a>,
    /// The device of the source.
    pub(super) device: u64,
}

/// Lists directories. Each thread has its own.
pub(super) struct Lister<'a> {
    shared: Listers<'a>,
    opener: Opener,
    /// The last directory with its path.
    last: (NodeId, Vec<u8>),
    reader: Option<XattrReader<'a>>,
}

impl<'a> Lister<'a> {
    pub(super) fn new(shared: Listers<'a>) -> Self {
        let keep = shared.directory.rules.xattrs == Keep::Yes;
        Self {
            shared,
            opener: Opener::default(),
            last: (NodeId::ROOT, Vec::new()),
            reader: keep.then(|| XattrReader::new(shared.directory.calls())),
        }
    }

    /// The source's directory itself.
    pub(super) fn root(&mut self, answer: &Answer) -> Result<NewNode> {
        self.enter(self.shared.directory.descriptor(), b"");
        let status = status_of(answer);
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

    /// Lists a directory. One that cannot be listed is reported, and has no names.
    pub(super) fn list(&mut self, way: &Way) -> Listing {
        let path = way.path_after(&mut self.last);
        self.list_at(way, &path).unwrap_or_else(|error| {
            self.shared.problems.report(error);
            Listing::default()
        })
    }

    fn list_at(&mut self, way: &Way, path: &[u8]) -> Result<Listing> {
        let root = self.shared.directory;
        let directory = self
            .open(way)
            .map_err(|errno| gone_or("open the directory", root.full_path(path), errno))?;
        self.check_way(way, &directory, path)?;
        self.enter(directory.as_fd(), path);
        let (mut listing, names) = Listing::new(self.names(&directory, path)?);
        for name in names {
            let at = FileAt {
                shared: self.shared,
                parent: path,
                name: listing.bytes(&name),
            };
            match self.find(directory.as_fd(), &at) {
                Ok(Some(found)) => listing.push(name, found),
                Ok(None) => {}
                Err(error) => self.shared.problems.report(error),
            }
        }
        listing.sort();
        Ok(listing)
    }

    fn open(&mut self, way: &Way) -> rustix::io::Result<OwnedFd> {
        let root = self.shared.directory;
        let ancestry = way.ancestry();
        self.opener.open(root.calls(), root.descriptor(), ancestry)
    }

    /// Refuses a directory that is below itself: one with the numbers, mount and metadata of another
    /// one on the way to it. One that is mounted below itself has another mount, and does not show
    /// what is mounted below it. File systems without inode numbers differ in metadata.
    fn check_way(&mut self, way: &Way, directory: &OwnedFd, path: &[u8]) -> Result<()> {
        let Some(above) = way.again() else {
            return Ok(());
        };
        let root = self.shared.directory;
        let seen = self.open(above).and_then(|above| {
            let calls = root.calls();
            let see = |file: &OwnedFd| {
                let status = status_of(&calls.status(file.as_fd())?);
                Ok((calls.mount(file.as_fd(), b".")?.id, status))
            };
            Ok((see(&above)?, see(directory)?))
        });
        match seen {
            Ok((above, below)) if above != below => Ok(()),
            _ => Err(Limit::BelowItself.at(root.full_path(path))),
        }
    }

    /// Reads the names in a directory.
    fn names(&mut self, directory: &OwnedFd, path: &[u8]) -> Result<Names> {
        let root = self.shared.directory;
        let mut names = Names::default();
        let mut wrong = None;
        let mut each = |name: &[u8]| {
            if matches!(name, b"." | b"..") {
                return true;
            }
            let checked = limits::check_name(name).and_then(|()| names.push(name));
            wrong = checked.err().map(|limit| (limit, join(path, name)));
            wrong.is_none()
        };
        let calls = root.calls();
        let read = calls.names(directory.as_fd(), &mut each);
        if let Some((limit, path)) = wrong {
            return Err(limit.at(root.full_path(&path)));
        }
        read.map_err(|errno| gone_or("read the directory", root.full_path(path), errno))?;
        Ok(names)
    }

    /// The metadata of a file, or `None` if it is left out.
    fn find(&mut self, directory: BorrowedFd<'_>, at: &FileAt<'_>) -> Result<Option<Found>> {
        let root = self.shared.directory;
        let is_excluded = |file_type| root.excludes(at.parent, at.name, file_type);
        // Files that are left out by their names may come and go.
        if is_excluded(FileType::Regular) {
            at.report(LeftOut::Excluded);
            return Ok(None);
        }
        let answer = match at.calls().status_in(directory, at.name) {
            Err(Errno::NOENT) if is_excluded(FileType::Directory) => return Ok(None),
            answer => answer.map_err(|errno| at.gone_or("read the metadata of", errno))?,
        };
        let status = status_of(&answer);
        let file_type = limits::file_type(answer.mode).map_err(|limit| at.limit(limit))?;
        if let Some(why) = root.left_out(at.parent, at.name, answer.key, file_type) {
            at.report(why);
            return Ok(None);
        }
        let is_directory = file_type == FileType::Directory;
        let keeps_links = root.rules.hard_links == Keep::Yes;
        let is_elsewhere = is_directory && at.is_elsewhere(directory, &answer)?;
        if is_elsewhere {
            at.report(LeftOut::Mounted);
        }
        at.try_to_open(directory, &answer, file_type)?;
        Ok(Some(Found {
            node: NewNode {
                status,
                xattrs: self.xattrs(at, status.mode)?,
                kind: at.kind(directory, &answer, file_type)?,
            },
            key: answer.key,
            is_linked: keeps_links && answer.links > 1 && !is_directory,
            is_scanned: is_directory && !is_elsewhere,
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
                if xattrs.vanished != 0 {
                    at.report(LeftOut::XattrWithoutValue);
                }
                Ok(xattrs.set)
            }
            Err(XattrError::Limit(limit)) => Err(at.limit(limit)),
            Err(XattrError::System(errno)) => {
                Err(at.gone_or("read the extended attributes of", errno))
            }
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
    fn calls(&self) -> &dyn Calls {
        self.shared.directory.calls()
    }

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

    /// Returns true for a directory that the scan does not enter: a mount point, or the root of
    /// another device below the same mount, such as a subvolume of btrfs. Files are no boundaries:
    /// those of an overlay have the device of their layer.
    fn is_elsewhere(&self, directory: BorrowedFd<'_>, answer: &Answer) -> Result<bool> {
        if self.shared.directory.rules.boundary == Boundary::Cross {
            return Ok(false);
        }
        let mount = (self.calls().mount(directory, self.name))
            .map_err(|errno| self.gone_or("read the metadata of", errno))?;
        Ok(mount.is_root == Some(true) || answer.key.device != self.shared.device)
    }

    /// Opens a file with contents, if one that cannot be opened is to be left out.
    fn try_to_open(
        &self,
        directory: BorrowedFd<'_>,
        answer: &Answer,
        file_type: FileType,
    ) -> Result<()> {
        let root = self.shared.directory;
        if root.rules.unreadable == Unreadable::Fail
            || file_type != FileType::Regular
            || answer.size == 0
        {
            return Ok(());
        }
        let file = self.calls().open_file(directory, self.name);
        file.map_err(|errno| self.gone_or("open", errno)).map(drop)
    }

    /// The part of a file's metadata that depends on its type.
    fn kind(
        &self,
        directory: BorrowedFd<'_>,
        answer: &Answer,
        file_type: FileType,
    ) -> Result<NewKind> {
        Ok(match file_type {
            FileType::Regular => NewKind::Regular,
            FileType::Directory => NewKind::Directory,
            FileType::Symlink => NewKind::Symlink(self.target(directory)?),
            FileType::CharDevice | FileType::BlockDevice => NewKind::Device(self.device(answer)?),
            FileType::Fifo | FileType::Socket => NewKind::Other,
        })
    }

    fn target(&self, directory: BorrowedFd<'_>) -> Result<Vec<u8>> {
        (self.calls().target(directory, self.name))
            .map_err(|errno| self.gone_or("read the symlink", errno))
    }

    fn device(&self, answer: &Answer) -> Result<u32> {
        let (major, minor) = answer.device;
        limits::encode_device(Rdev { major, minor }).map_err(|limit| self.limit(limit))
    }
}
