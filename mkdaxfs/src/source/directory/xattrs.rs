// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading the extended attributes of files.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::io::Errno;

use super::calls::{Answered, Calls};
use crate::tree::limits::Limit;
use crate::tree::xattrs::{EncodedSet, KnownNames};

/// Length of the longest list of names or value that Linux returns, in bytes.
const ROOM: usize = 65536;

/// Length of a buffer that holds most lists and values, in bytes.
const SOME: usize = 512;

/// Length in bytes from which a path is replaced by one in `/proc`, so that any name fits behind it.
const MAX_PATH: usize = 3800;

/// Reads the attributes of files.
///
/// Attributes are read by path. A symlink or device has no descriptor to be read by, and the calls
/// relative to that of its directory are younger than most systems. A path through `/proc/self/fd`
/// names the directory surely, and takes twice as long. If directories below the source are renamed
/// meanwhile, a path may lead elsewhere; the rename changes the times of a directory, which the
/// recheck finds.
pub(super) struct XattrReader<'a> {
    calls: &'a dyn Calls,
    /// The path of the directory, with a slash behind it, and then of a file in it.
    path: Vec<u8>,
    /// Length of the directory's part.
    directory: usize,
    list: Vec<u8>,
    value: Vec<u8>,
}

/// The attributes of a file.
#[derive(Debug, Default)]
pub(super) struct Xattrs {
    pub(super) set: EncodedSet,
    /// Number of attributes that the format cannot hold, or that are no part of the tree.
    pub(super) foreign: usize,
    /// Number of attributes that are listed and have no value.
    pub(super) vanished: usize,
}

/// The reason why the attributes of a file cannot be read or stored.
#[derive(Debug)]
pub(super) enum XattrError {
    System(Errno),
    Limit(Limit),
}

impl From<Errno> for XattrError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<Limit> for XattrError {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl<'a> XattrReader<'a> {
    pub(super) fn new(calls: &'a dyn Calls) -> Self {
        Self {
            calls,
            path: Vec::new(),
            directory: 0,
            list: vec![0; ROOM],
            value: vec![0; ROOM],
        }
    }

    /// Goes to a directory, which stays open while its files are read, and has this path.
    pub(super) fn enter(&mut self, directory: BorrowedFd<'_>, path: &[u8]) {
        self.path.clear();
        if path.len() <= MAX_PATH {
            self.path.extend_from_slice(path);
        } else {
            let open = format!("/proc/self/fd/{}", directory.as_raw_fd());
            self.path.extend_from_slice(open.as_bytes());
        }
        self.path.push(b'/');
        self.directory = self.path.len();
    }

    /// The attributes of the file `name` in the directory, which has this mode.
    pub(super) fn read(&mut self, name: &[u8], mode: u16) -> Result<Xattrs, XattrError> {
        self.path.truncate(self.directory);
        self.path.extend_from_slice(name);
        let length = self.list()?;
        if length == 0 {
            return Ok(Xattrs::default());
        }
        let names = self.list[..length].split(|&byte| byte == 0);
        let full: Vec<&[u8]> = names.filter(|name| !name.is_empty()).collect();
        let known = KnownNames::of(&full)?;
        let (mut set, mut vanished) = (EncodedSet::default(), 0);
        for name in known.iter() {
            let read = |value: &mut [u8]| self.calls.xattr(&self.path, name.full, value);
            match fill(&mut self.value, read) {
                Ok(length) => set.append(name, &self.value[..length], mode)?,
                // It has been removed, or the file system lists what it does not have.
                Err(Errno::NODATA | Errno::OPNOTSUPP) => vanished += 1,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Xattrs {
            set,
            foreign: known.foreign(),
            vanished,
        })
    }

    /// Reads the names of the file's attributes, and returns the length of the list.
    fn list(&mut self) -> Answered<usize> {
        let (calls, path) = (self.calls, &self.path[..]);
        match fill(&mut self.list, |list| calls.xattr_names(path, list)) {
            Err(Errno::OPNOTSUPP) => Ok(0),
            result => result,
        }
    }
}

/// Has a call fill a part of `room`, or all of it if the part is too small. The system allocates as
/// much as it is offered.
fn fill(room: &mut [u8], call: impl Fn(&mut [u8]) -> Answered<usize>) -> Answered<usize> {
    match call(&mut room[..SOME]) {
        Err(Errno::RANGE) => call(room),
        result => result,
    }
}
