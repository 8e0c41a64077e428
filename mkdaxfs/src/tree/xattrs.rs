// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encoding of the extended attributes of a file, as an image stores them.

use daxfs_format::acl::AclCheck;
use daxfs_format::limits::{MAX_XATTR_LIST, MAX_XATTR_VALUE};
use daxfs_format::xattr::{RawXattr, ALIGN_SHIFT};
use daxfs_format::{FileType, Namespace};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::limits::Limit;
use super::storage::is_of_storage;
use crate::num::{len64, round_up, to_usize};

/// The attributes of a file in the order and encoding of the format; empty without attributes.
#[derive(Debug, Default)]
pub(crate) struct EncodedSet {
    bytes: Vec<u8>,
    /// Namespace and name of the last attribute.
    last: Option<(Namespace, Vec<u8>)>,
    /// The mode that the ACLs were checked for.
    acl_mode: Option<u16>,
}

/// The names of a file's attributes that an image can hold, in the order of the format.
#[derive(Debug)]
pub(crate) struct KnownNames<'a> {
    sorted: Vec<(Namespace, &'a [u8], &'a [u8])>,
    /// Number of names that are left out.
    foreign: usize,
}

/// An attribute's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct XattrName<'a> {
    namespace: Namespace,
    /// The name behind the namespace's prefix.
    name: &'a [u8],
    /// The name with its prefix.
    pub(crate) full: &'a [u8],
}

/// An attribute of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The full name.
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// The attributes of an encoded set.
pub(crate) fn decode(mut set: &[u8]) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    while let Some((attribute, rest)) = decode_one(set) {
        attributes.push(attribute);
        set = rest;
    }
    attributes
}

/// The first attribute of a set, and the bytes behind it.
fn decode_one(set: &[u8]) -> Option<(Attribute, &[u8])> {
    let (header, rest) = RawXattr::read_from_prefix(set).ok()?;
    let (name, rest) = rest.split_at_checked(header.name_length.into())?;
    let (value, _) = rest.split_at_checked(to_usize(header.value_length.get()))?;
    let prefix = Namespace::from_number(header.namespace)?.prefix();
    let length = size_of::<RawXattr>() + name.len() + value.len();
    let attribute = Attribute {
        name: [prefix.as_bytes(), name].concat(),
        value: value.to_vec(),
    };
    let padded = to_usize(round_up(len64(length), 1 << ALIGN_SHIFT));
    Some((attribute, set.get(padded..)?))
}

impl<'a> KnownNames<'a> {
    /// Sorts full names, and leaves out those of namespaces that the format does not hold, and those
    /// that file systems [keep for themselves](super::storage). A name that is listed twice counts
    /// once.
    ///
    /// # Errors
    /// When the names that are left are longer than a list of Linux may be.
    pub(crate) fn of(full: &[&'a [u8]]) -> Result<Self, Limit> {
        let own = full.iter().copied().filter(|name| !is_of_storage(name));
        let split = |full| (full, Namespace::split(full));
        let (mut sorted, mut foreign) = (Vec::new(), 0);
        for (full, parts) in own.map(split) {
            match parts {
                Some((space, name)) => sorted.push((space, name, full)),
                None => foreign += 1,
            }
        }
        sorted.sort_unstable();
        sorted.dedup();
        let lengths = sorted.iter().map(|(_, _, full)| len64(full.len()) + 1);
        let length: u64 = lengths.sum();
        if length > MAX_XATTR_LIST {
            return Err(Limit::XattrList(length));
        }
        Ok(Self { sorted, foreign })
    }

    /// The number of names that an image cannot hold.
    pub(crate) fn foreign(&self) -> usize {
        self.foreign
    }

    /// The names in the order of the format.
    pub(crate) fn iter(&self) -> impl Iterator<Item = XattrName<'a>> + '_ {
        self.sorted
            .iter()
            .map(|&(namespace, name, full)| XattrName {
                namespace,
                name,
                full,
            })
    }
}

impl EncodedSet {
    /// The bytes of the set.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks that a file with this mode may have the set.
    pub(super) fn check_mode(&self, mode: u16) -> Result<(), Limit> {
        match self.acl_mode {
            Some(acl) if acl != mode => Err(Limit::AclMode(acl)),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
            ..Self::default()
        }
    }

    /// Appends an attribute of a file with this mode. Names come in the order of [`KnownNames`].
    ///
    /// # Errors
    /// When names do not ascend, the value is too long, or it is an ACL that such a file cannot
    /// have. No file system of the Linux kernel returns such an ACL; one in user space may.
    pub(crate) fn append(
        &mut self,
        name: XattrName<'_>,
        value: &[u8],
        mode: u16,
    ) -> Result<(), Limit> {
        let value_length = value_length(value)?;
        self.check_order(name)?;
        if name.namespace.is_acl() {
            if !acl_fits(name.namespace, value, mode) {
                return Err(Limit::Acl);
            }
            self.acl_mode = Some(mode);
        }
        let header = RawXattr {
            value_length: value_length.into(),
            namespace: name.namespace.number(),
            name_length: u8::try_from(name.name.len()).unwrap_or(u8::MAX),
            reserved_6: 0.into(),
        };
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(name.name);
        self.bytes.extend_from_slice(value);
        let padded = round_up(len64(self.bytes.len()), 1 << ALIGN_SHIFT);
        self.bytes.resize(to_usize(padded), 0);
        Ok(())
    }

    /// Checks that a name follows the last one, and remembers it.
    fn check_order(&mut self, name: XattrName<'_>) -> Result<(), Limit> {
        let key = (name.namespace, name.name.to_vec());
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(Limit::XattrOrder);
        }
        self.last = Some(key);
        Ok(())
    }
}

/// The length of a value, if the format can hold it.
fn value_length(value: &[u8]) -> Result<u32, Limit> {
    let length = u32::try_from(value.len()).ok();
    let length = length.filter(|&length| length <= MAX_XATTR_VALUE);
    length.ok_or(Limit::XattrValue(value.len()))
}

/// Returns true if a file with this mode may have this ACL.
fn acl_fits(namespace: Namespace, value: &[u8], mode: u16) -> bool {
    let Some((&header, entries)) = value.split_first_chunk() else {
        return false;
    };
    let mut check = AclCheck::default();
    check.header(header);
    for entry in entries.chunks(to_usize(AclCheck::ENTRY)) {
        match entry.first_chunk() {
            Some(entry) => check.entry(*entry),
            None => return false,
        }
    }
    fits_type(namespace, &check, mode) && check.is_complete()
}

/// Returns true if the ACL is of a kind that the file's type has, and states its permissions.
fn fits_type(namespace: Namespace, check: &AclCheck, mode: u16) -> bool {
    let file_type = FileType::from_mode(mode);
    match namespace {
        Namespace::AclAccess => {
            file_type != Some(FileType::Symlink) && check.permissions() == mode & 0o777
        }
        _ => file_type == Some(FileType::Directory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ACL of owner, owning group and others.
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
            "not a directory"
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
}
