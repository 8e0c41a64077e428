// SPDX-License-Identifier: MIT OR Apache-2.0
//! One directory: its entries in the order of the format, with all their metadata.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use daxfs_format::directory::is_valid_name;
use daxfs_format::limits::{MAX_FILE_SIZE, MAX_SYMLINK};
use daxfs_format::{FileType, NameHash, Rdev};
use daxfs_image::hash::Xxh64;
use rustix::fs::{readlinkat, RawDir, Stat};
use rustix::io::Errno;

use super::Scanner;
use crate::error::{Change, Error, Result};
use crate::holes;
use crate::num::len64;
use crate::observer::LeftOut;
use crate::options::Keep;
use crate::source;
use crate::tree::{Piece, Status};
use crate::xattrs::{XattrError, XattrReader};

/// How much a call for directory entries may return, in bytes.
const ENTRIES: usize = 64 << 10;

/// The entries of a directory, in the order of the format.
#[derive(Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    pub(super) files: Vec<Listed>,
}

impl Listing {
    pub(super) fn name(&self, listed: &Listed) -> &[u8] {
        &self.names[listed.name.0..listed.name.1]
    }
}

/// An entry, with the metadata of what it names.
pub(super) struct Listed {
    /// Where its name begins and ends.
    name: (usize, usize),
    pub(super) hash: u32,
    pub(super) status: Status,
    pub(super) xattrs: Vec<u8>,
    pub(super) kind: Kind,
    /// Device and inode, if it may have other links.
    pub(super) linked: Option<(u64, u64)>,
    /// Whether it is a directory that is to be scanned.
    pub(super) is_scanned: bool,
}

impl Listed {
    /// The directory that the scan begins with.
    pub(super) fn directory(status: Status, xattrs: Vec<u8>) -> Self {
        let kind = Kind::Directory;
        Self {
            name: (0, 0),
            hash: 0,
            status,
            xattrs,
            kind,
            linked: None,
            is_scanned: true,
        }
    }
}

/// What only files of one type have.
pub(super) enum Kind {
    /// The pieces of a sparse one.
    Regular(Option<Vec<Piece>>),
    Directory,
    /// The target.
    Symlink(Vec<u8>),
    /// The encoded number.
    Device(u32),
    Other,
}

/// Lists directories; one for each thread.
pub(super) struct Lister<'a> {
    scanner: &'a Scanner<'a>,
    buffer: Vec<MaybeUninit<u8>>,
    reader: Option<XattrReader>,
    page: u64,
}

impl<'a> Lister<'a> {
    pub(super) fn new(scanner: &'a Scanner<'a>) -> Self {
        let keep = matches!(scanner.options.xattrs, Keep::Yes);
        Self {
            scanner,
            buffer: vec![MaybeUninit::uninit(); ENTRIES],
            reader: keep.then(XattrReader::new),
            page: scanner.options.page.bytes(),
        }
    }

    /// Lists the directory at this path below SOURCE.
    pub(super) fn list(&mut self, path: &[u8]) -> Result<Listing> {
        let failed = || self.scanner.path(path);
        let directory = source::open_directory(self.scanner.root.as_fd(), path)
            .map_err(|errno| gone_or("open the directory", failed(), errno))?;
        self.enter(directory.as_fd(), path);
        let mut listing = Listing::default();
        let mut entries = RawDir::new(&directory, &mut self.buffer[..]);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(Error::io("read the directory", failed()))?;
            let name = entry.file_name().to_bytes();
            if is_valid_name(name) {
                let start = listing.names.len();
                listing.names.extend_from_slice(name);
                names.push((start, listing.names.len()));
            } else if !matches!(name, b"." | b"..") {
                let limit = format!("a name may have 1 to 255 bytes, not {}", name.len());
                return Err(Error::Limit {
                    path: self.scanner.path(&source::join(path, name)),
                    limit,
                });
            }
        }
        for name in names {
            let bytes = &listing.names[name.0..name.1];
            if let Some(listed) = self.entry(directory.as_fd(), path, bytes)? {
                listing.files.push(Listed { name, ..listed });
            }
        }
        let Listing { names, files } = &mut listing;
        files.sort_unstable_by(|a, b| {
            let key = |listed: &Listed| (listed.hash, &names[listed.name.0..listed.name.1]);
            key(a).cmp(&key(b))
        });
        Ok(listing)
    }

    /// The metadata of a file, or `None` if it is left out.
    fn entry(
        &mut self,
        directory: BorrowedFd<'_>,
        parent: &[u8],
        name: &[u8],
    ) -> Result<Option<Listed>> {
        let at = Place {
            scanner: self.scanner,
            parent,
            name,
        };
        let stat = source::status_in(directory, name)
            .map_err(|errno| gone_or("read the metadata of", at.path(), errno))?;
        let status = source::status_of(&stat);
        let Some(file_type) = FileType::from_mode(status.mode) else {
            let limit = format!("mode {:#o} is of no file type", status.mode);
            return Err(Error::Limit {
                path: at.path(),
                limit,
            });
        };
        let is_directory = file_type == FileType::Directory;
        let elsewhere = self
            .scanner
            .device
            .is_some_and(|device| device != stat.st_dev);
        if let Some(why) = at.left_out(&stat, is_directory, elsewhere) {
            self.scanner.observer.left_out(&at.path(), why);
            return Ok(None);
        }
        if elsewhere {
            self.scanner.observer.left_out(&at.path(), LeftOut::Mounted);
        }
        at.check_limits(&status)?;
        let linked = (stat.st_nlink > 1 && !is_directory).then_some((stat.st_dev, stat.st_ino));
        let xattrs = self.xattrs(name, parent, status.mode)?;
        Ok(Some(Listed {
            name: (0, 0),
            hash: NameHash::of::<Xxh64>(name).0,
            status,
            kind: self.kind(directory, &at, &stat, file_type)?,
            xattrs,
            linked,
            is_scanned: is_directory && !elsewhere,
        }))
    }

    /// Goes to the directory at this path below SOURCE, to read the attributes of what is in it.
    pub(super) fn enter(&mut self, directory: BorrowedFd<'_>, path: &[u8]) {
        if let Some(reader) = &mut self.reader {
            let path = self.scanner.path(path);
            reader.enter(directory, path.as_os_str().as_bytes());
        }
    }

    /// The attribute set of a file in the directory, as it lies in the image.
    pub(super) fn xattrs(&mut self, name: &[u8], parent: &[u8], mode: u16) -> Result<Vec<u8>> {
        let Some(reader) = &mut self.reader else {
            return Ok(Vec::new());
        };
        let at = Place {
            scanner: self.scanner,
            parent,
            name,
        };
        match reader.read(name, mode) {
            Ok(xattrs) => {
                if xattrs.foreign {
                    self.scanner.observer.left_out(&at.path(), LeftOut::Xattr);
                }
                Ok(xattrs.set)
            }
            Err(XattrError::System(errno)) => Err(Error::io(
                "read the extended attributes of",
                at.path(),
            )(errno)),
            Err(XattrError::Acl) => {
                let limit = "its ACL is malformed, or does not agree with its mode".to_owned();
                Err(Error::Limit {
                    path: at.path(),
                    limit,
                })
            }
            Err(XattrError::TooLong) => {
                let limit = "the names of its extended attributes exceed 65536 bytes".to_owned();
                Err(Error::Limit {
                    path: at.path(),
                    limit,
                })
            }
        }
    }

    fn kind(
        &self,
        directory: BorrowedFd<'_>,
        at: &Place<'_>,
        stat: &Stat,
        file_type: FileType,
    ) -> Result<Kind> {
        Ok(match file_type {
            FileType::Regular => Kind::Regular(self.pieces(directory, at, stat)?),
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink(target(directory, at)?),
            FileType::CharDevice | FileType::BlockDevice => Kind::Device(device(at, stat)?),
            FileType::Fifo | FileType::Socket => Kind::Other,
        })
    }

    /// The pieces of a file that is sparse, as its file system reports them. How much storage a file has
    /// says nothing: attributes, the lists of its blocks and blocks in reserve count too.
    fn pieces(
        &self,
        directory: BorrowedFd<'_>,
        at: &Place<'_>,
        stat: &Stat,
    ) -> Result<Option<Vec<Piece>>> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size < self.page {
            return Ok(None);
        }
        let file = source::open_file(directory, at.name)
            .map_err(|errno| gone_or("open", at.path(), errno))?;
        holes::find(&file, size, self.page).map_err(Error::io("find the holes of", at.path()))
    }
}

/// A file in a directory, for messages.
struct Place<'a> {
    scanner: &'a Scanner<'a>,
    parent: &'a [u8],
    name: &'a [u8],
}

impl Place<'_> {
    fn path(&self) -> PathBuf {
        self.scanner.path(&source::join(self.parent, self.name))
    }

    /// Whether the file is left out. A mount point is not, only what is mounted there.
    fn left_out(&self, stat: &Stat, is_directory: bool, elsewhere: bool) -> Option<LeftOut> {
        let exclude = &self.scanner.exclude;
        if !exclude.is_empty()
            && exclude.matches(&source::join(self.parent, self.name), is_directory)
        {
            return Some(LeftOut::Excluded);
        }
        if self.scanner.image == Some((stat.st_dev, stat.st_ino)) {
            return Some(LeftOut::Image);
        }
        (elsewhere && !is_directory).then_some(LeftOut::OtherFileSystem)
    }

    fn check_limits(&self, status: &Status) -> Result<()> {
        let limit = if status.size > MAX_FILE_SIZE {
            format!("a file may have 2^63 - 1 bytes, not {}", status.size)
        } else if status.uid == u32::MAX || status.gid == u32::MAX {
            "uid and gid may not be 2^32 - 1".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::Limit {
            path: self.path(),
            limit,
        })
    }
}

fn target(directory: BorrowedFd<'_>, at: &Place<'_>) -> Result<Vec<u8>> {
    let target = readlinkat(directory, at.name, Vec::new())
        .map_err(|errno| gone_or("read the symlink", at.path(), errno))?
        .into_bytes();
    if (1..=MAX_SYMLINK).contains(&len64(target.len())) {
        return Ok(target);
    }
    let limit = format!(
        "a symlink target may have 1 to 4095 bytes, not {}",
        target.len()
    );
    Err(Error::Limit {
        path: at.path(),
        limit,
    })
}

fn device(at: &Place<'_>, stat: &Stat) -> Result<u32> {
    let (major, minor) = (
        rustix::fs::major(stat.st_rdev),
        rustix::fs::minor(stat.st_rdev),
    );
    Rdev { major, minor }.encode().ok_or_else(|| {
        let limit = format!("device numbers end at 4095, 1048575; this is {major}, {minor}");
        Error::Limit {
            path: at.path(),
            limit,
        }
    })
}

/// The error of a file that was listed: one that is not there any more has vanished.
fn gone_or(action: &'static str, path: PathBuf, errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Error::Changed {
            path,
            change: Change::Vanished,
        },
        errno => Error::io(action, path)(errno),
    }
}
