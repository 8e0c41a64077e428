// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encoding of the extended attributes of a file, as an image stores them.

use daxfs_format::acl::AclCheck;
use daxfs_format::limits::MAX_XATTR_LIST;
use daxfs_format::xattr::{RawXattr, ALIGN_SHIFT};
use daxfs_format::{FileType, Namespace};
use zerocopy::IntoBytes as _;

use super::limits::Limit;
use crate::num::{len64, round_up, to_usize};

/// The attributes of a file in the order and encoding of the format; empty without attributes.
#[derive(Debug, Default)]
pub(crate) struct EncodedSet(Vec<u8>);

/// The names of a file's attributes that an image can hold, in the order of the format.
#[derive(Debug)]
pub(crate) struct KnownNames<'a> {
    sorted: Vec<(Namespace, &'a [u8], &'a [u8])>,
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

impl<'a> KnownNames<'a> {
    /// Sorts full names, and leaves out those of namespaces that the format does not hold.
    ///
    /// # Errors
    /// When the names that are left are longer than a list of Linux may be.
    pub(crate) fn of(full: &[&'a [u8]]) -> Result<Self, Limit> {
        let mut sorted: Vec<_> = full
            .iter()
            .filter_map(|&full| Namespace::split(full).map(|(space, name)| (space, name, full)))
            .collect();
        sorted.sort_unstable();
        let lengths = sorted.iter().map(|(_, _, full)| len64(full.len()) + 1);
        if lengths.sum::<u64>() > MAX_XATTR_LIST {
            let limit = "the names of its extended attributes exceed 65536 bytes";
            return Err(Limit(limit.to_owned()));
        }
        Ok(Self { sorted })
    }

    /// The number of names.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
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
        &self.0
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Appends an attribute of a file with this mode. Names come in the order of [`KnownNames`].
    ///
    /// # Errors
    /// When it is an ACL that such a file cannot have. No file system of the Linux kernel returns
    /// such an ACL; one in user space may.
    pub(crate) fn append(
        &mut self,
        name: XattrName<'_>,
        value: &[u8],
        mode: u16,
    ) -> Result<(), Limit> {
        if name.namespace.is_acl() && !acl_fits(name.namespace, value, mode) {
            let limit = "its ACL is malformed, or does not agree with its mode";
            return Err(Limit(limit.to_owned()));
        }
        let header = RawXattr {
            // Names and values of Linux are within the limits of the format, which are the same.
            value_length: u32::try_from(value.len()).unwrap_or(u32::MAX).into(),
            namespace: name.namespace.number(),
            name_length: u8::try_from(name.name.len()).unwrap_or(u8::MAX),
            reserved_6: 0.into(),
        };
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(name.name);
        self.0.extend_from_slice(value);
        let padded = round_up(len64(self.0.len()), 1 << ALIGN_SHIFT);
        self.0.resize(to_usize(padded), 0);
        Ok(())
    }
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
