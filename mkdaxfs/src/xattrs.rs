// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading extended attributes, and the sets of them that the image holds.

use std::collections::HashMap;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use daxfs_format::acl::AclCheck;
use daxfs_format::limits::MAX_XATTR_LIST;
use daxfs_format::xattr::{RawXattr, ALIGN_SHIFT};
use daxfs_format::{FileType, Namespace};
use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;
use zerocopy::IntoBytes as _;

use crate::num::{index, len64, round_up};

/// The longest list of names or value that Linux gives, in bytes.
const ROOM: usize = 65536;

/// What most lists and values fit in, in bytes.
const SOME: usize = 512;

/// A path that is longer is replaced by one in `/proc`, with room for any name behind it.
const PATH: usize = 3800;

/// Reads the attributes of files. A symlink or device has no descriptor to be read by, and the calls
/// that take that of its directory are younger than most systems: so this goes by paths. One through
/// `/proc/self/fd` names the directory surely and briefly, and takes twice as long. Whoever renames
/// directories below SOURCE meanwhile can lead a path elsewhere, but not unnoticed: that changes the
/// times of a directory, which are compared at the end.
pub(crate) struct XattrReader {
    /// The path of the directory, with a slash behind it, and then of a file in it.
    path: Vec<u8>,
    directory: usize,
    list: Vec<u8>,
    value: Vec<u8>,
}

/// The attributes of a file.
#[derive(Debug, Default)]
pub(crate) struct Xattrs {
    /// The set as it lies in the image; empty without attributes.
    pub(crate) set: Vec<u8>,
    /// Whether there are attributes that the format cannot hold.
    pub(crate) foreign: bool,
}

/// Why the attributes of a file cannot be had.
#[derive(Debug)]
pub(crate) enum XattrError {
    System(Errno),
    /// The names are longer than a list that Linux gives.
    TooLong,
    /// An ACL is malformed, or is not that of a file with this type and these permissions. The file
    /// systems of Linux have no such ACLs; one in user space may have.
    Acl,
}

impl From<Errno> for XattrError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl XattrReader {
    pub(crate) fn new() -> Self {
        Self {
            path: Vec::new(),
            directory: 0,
            list: vec![0; ROOM],
            value: vec![0; ROOM],
        }
    }

    /// Goes to a directory, which is open while its files are read, and has this path.
    pub(crate) fn enter(&mut self, directory: BorrowedFd<'_>, path: &[u8]) {
        self.path.clear();
        if path.len() <= PATH {
            self.path.extend_from_slice(path);
        } else {
            let open = format!("/proc/self/fd/{}", directory.as_raw_fd());
            self.path.extend_from_slice(open.as_bytes());
        }
        self.path.push(b'/');
        self.directory = self.path.len();
    }

    /// The attributes of the file `name` in the directory, which has this mode.
    pub(crate) fn read(&mut self, name: &[u8], mode: u16) -> Result<Xattrs, XattrError> {
        self.path.truncate(self.directory);
        self.path.extend_from_slice(name);
        let path = &self.path[..];
        let length = match fill(&mut self.list, |list| llistxattr(path, list)) {
            Ok(length) => length,
            Err(Errno::OPNOTSUPP) => 0,
            Err(errno) => return Err(errno.into()),
        };
        if length == 0 {
            return Ok(Xattrs::default());
        }
        let names = self.list[..length].split(|&byte| byte == 0);
        let full: Vec<&[u8]> = names.filter(|name| !name.is_empty()).collect();
        let mut known: Vec<(Namespace, &[u8], &[u8])> = full
            .iter()
            .filter_map(|&full| Namespace::split(full).map(|(space, name)| (space, name, full)))
            .collect();
        known.sort_unstable();
        let listed: u64 = known.iter().map(|(_, _, full)| len64(full.len()) + 1).sum();
        if listed > MAX_XATTR_LIST {
            return Err(XattrError::TooLong);
        }
        let mut set = Vec::new();
        for &(namespace, name, full) in &known {
            let length = fill(&mut self.value, |value| lgetxattr(path, full, value))?;
            let value = &self.value[..length];
            if namespace.is_acl() && !acl_fits(namespace, value, mode) {
                return Err(XattrError::Acl);
            }
            append(&mut set, namespace, name, value);
        }
        Ok(Xattrs {
            set,
            foreign: known.len() != full.len(),
        })
    }
}

/// Has a call fill a part of `room`, or all of it if the part is too small: the system allocates as
/// much as it is offered.
fn fill(
    room: &mut [u8],
    call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<usize> {
    match call(&mut room[..SOME]) {
        Err(Errno::RANGE) => call(room),
        result => result,
    }
}

/// Whether a file with this mode may have this ACL.
fn acl_fits(namespace: Namespace, value: &[u8], mode: u16) -> bool {
    let Some((&header, entries)) = value.split_first_chunk() else {
        return false;
    };
    let mut check = AclCheck::default();
    check.header(header);
    let entries = entries.chunks(index(AclCheck::ENTRY));
    for entry in entries {
        match entry.first_chunk() {
            Some(entry) => check.entry(*entry),
            None => return false,
        }
    }
    let file_type = FileType::from_mode(mode);
    let fits = match namespace {
        Namespace::AclAccess => {
            file_type != Some(FileType::Symlink) && check.permissions() == mode & 0o777
        }
        _ => file_type == Some(FileType::Directory),
    };
    fits && check.is_complete()
}

fn append(set: &mut Vec<u8>, namespace: Namespace, name: &[u8], value: &[u8]) {
    let header = RawXattr {
        // Linux gives no longer names and values than the limits of the format, which are its own.
        value_length: u32::try_from(value.len()).unwrap_or(u32::MAX).into(),
        namespace: namespace.number(),
        name_length: u8::try_from(name.len()).unwrap_or(u8::MAX),
        reserved_6: 0.into(),
    };
    set.extend_from_slice(header.as_bytes());
    set.extend_from_slice(name);
    set.extend_from_slice(value);
    set.resize(index(round_up(len64(set.len()), 1 << ALIGN_SHIFT)), 0);
}

/// The sets that occur, each once.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    numbers: HashMap<Box<[u8]>, u32>,
}

impl Sets {
    /// The index from 1 of a set, in the order in which they came; 0 for the empty one.
    pub(crate) fn intern(&mut self, set: &[u8]) -> u32 {
        if set.is_empty() {
            return 0;
        }
        if let Some(&number) = self.numbers.get(set) {
            return number;
        }
        let number = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
        self.numbers.insert(set.into(), number);
        number
    }

    /// The sets in the order of their indices.
    pub(crate) fn into_sets(self) -> Vec<Box<[u8]>> {
        let mut sets: Vec<_> = self.numbers.into_iter().collect();
        sets.sort_unstable_by_key(|&(_, number)| number);
        sets.into_iter().map(|(set, _)| set).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Owner, owning group and others.
    fn acl(permissions: [u8; 3]) -> Vec<u8> {
        let [owner, group, others] = permissions;
        let entry = |tag, permissions| [tag, 0, permissions, 0, 255, 255, 255, 255];
        let entries = [entry(1, owner), entry(4, group), entry(32, others)];
        [&[2, 0, 0, 0][..], &entries.concat()].concat()
    }

    #[test]
    fn an_acl_is_that_of_a_file_with_its_mode() {
        let (access, default) = (Namespace::AclAccess, Namespace::AclDefault);
        assert!(acl_fits(access, &acl([6, 4, 0]), 0o100_640));
        assert!(acl_fits(default, &acl([6, 4, 0]), 0o040_755));
        assert!(
            !acl_fits(access, &acl([6, 4, 0]), 0o100_644),
            "other permissions"
        );
        assert!(!acl_fits(access, &acl([6, 4, 0]), 0o120_640), "a symlink");
        assert!(
            !acl_fits(default, &acl([6, 4, 0]), 0o100_640),
            "no directory"
        );
        assert!(
            !acl_fits(access, &acl([6, 4, 0])[..20], 0o100_640),
            "no others"
        );
        assert!(
            !acl_fits(access, &acl([6, 4, 0])[..27], 0o100_640),
            "half an entry"
        );
        assert!(!acl_fits(access, b"", 0o100_640), "no header");
    }

    #[test]
    fn equal_sets_have_one_number_and_the_empty_one_none() {
        let mut sets = Sets::default();
        assert_eq!(
            [sets.intern(b""), sets.intern(b"b"), sets.intern(b"a")],
            [0, 1, 2]
        );
        assert_eq!(sets.intern(b"b"), 1);
        assert_eq!(
            sets.into_sets(),
            [Box::from(&b"b"[..]), Box::from(&b"a"[..])]
        );
    }
}
