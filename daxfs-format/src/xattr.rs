// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes: sets of them, each stored once.
//!
//! ```text
//! section:  0 count u32    4 reserved [u8; 12]    16 table [RawXattrSet; count]    then the sets
//! table:    0 offset u32, from the start of the section    4 length u32
//! set:      attributes, one after another, each padded with zeros to 8 bytes
//! attribute: 0 value_length u32    4 namespace u8    5 name_length u8    6 reserved u16    8 name    value
//! ```
//!
//! Set N (from 1) is at the table's index N - 1; sets follow each other and fill the section.
//! Attributes ascend by namespace, then by name; the name is what follows the namespace's prefix.

use core::mem::size_of;

use zerocopy::little_endian::{U16, U32};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::{Error, Finding, Object, Result};
use crate::ids::XattrSetId;
use crate::kinds::SectionKind;
use crate::limits::{MAX_XATTR_LIST, MAX_XATTR_NAME, MAX_XATTR_VALUE};
use crate::memory::{read_struct, Memory};
use crate::num::{from_usize, len64, round_up};
use crate::rule::Rule;
use crate::superblock::Superblock;

/// The header of the xattr section.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattrHeader {
    /// How many sets there are.
    pub count: U32,
    /// Zero.
    pub reserved_4: [u8; 12],
}

/// An entry of the table of sets.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattrSet {
    /// Where the set begins, in bytes from the start of the section.
    pub offset: U32,
    /// Its length in bytes.
    pub length: U32,
}

/// The header of an attribute.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattr {
    /// The length of the value in bytes.
    pub value_length: U32,
    /// The namespace, [`Namespace::number`].
    pub namespace: u8,
    /// The length of the name in bytes, without the namespace's prefix.
    pub name_length: u8,
    /// Zero.
    pub reserved_6: U16,
}

const _: () = {
    assert!(size_of::<RawXattrHeader>() == 16);
    assert!(size_of::<RawXattrSet>() == 8);
    assert!(size_of::<RawXattr>() == 8);
};

/// The length of the section's header in bytes.
pub const HEADER_SIZE: u64 = 16;
/// The length of an entry of the table of sets in bytes.
pub const SET_SIZE: u64 = 8;
/// The length of an attribute's header in bytes.
pub const XATTR_SIZE: u64 = 8;
/// The least bytes of the section that a set takes: its entry in the table and one attribute.
pub(crate) const LEAST_SET: u64 = 24;
/// What attributes are padded to, as a power of two.
pub const ALIGN_SHIFT: u32 = 3;

/// The namespaces of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// `user.`
    User,
    /// `trusted.`
    Trusted,
    /// `security.`
    Security,
    /// `system.posix_acl_access`, a whole name.
    AclAccess,
    /// `system.posix_acl_default`, a whole name.
    AclDefault,
}

impl Namespace {
    /// Every namespace, in ascending order of its number.
    pub const ALL: [Self; 5] = [
        Self::User,
        Self::Trusted,
        Self::Security,
        Self::AclAccess,
        Self::AclDefault,
    ];

    /// The number in an attribute.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Trusted => 2,
            Self::Security => 3,
            Self::AclAccess => 4,
            Self::AclDefault => 5,
        }
    }

    /// The namespace with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|namespace| namespace.number() == number)
    }

    /// What names of the namespace begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "user.",
            Self::Trusted => "trusted.",
            Self::Security => "security.",
            Self::AclAccess => "system.posix_acl_access",
            Self::AclDefault => "system.posix_acl_default",
        }
    }

    /// Whether the prefix is the whole name, and the value an ACL.
    #[must_use]
    pub const fn is_acl(self) -> bool {
        matches!(self, Self::AclAccess | Self::AclDefault)
    }

    /// Splits a full name, or returns `None` if the format cannot hold it.
    #[must_use]
    pub fn split(full: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL.into_iter().find_map(|namespace| {
            let name = full.strip_prefix(namespace.prefix().as_bytes())?;
            namespace.allows(name).then_some((namespace, name))
        })
    }

    /// Whether an attribute of the namespace may have this name after the prefix.
    #[must_use]
    pub fn allows(self, name: &[u8]) -> bool {
        let fits = self.prefix().len().saturating_add(name.len()) <= MAX_XATTR_NAME;
        fits && self.is_acl() == name.is_empty() && !name.contains(&0)
    }
}

/// Where a set lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XattrSet {
    pub(crate) id: XattrSetId,
    /// From the start of the image.
    pub(crate) offset: u64,
    /// From the start of the image.
    pub(crate) end: u64,
}

/// An attribute of a set.
///
/// # Invariants
/// Name and value lie in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// The namespace.
    pub namespace: Namespace,
    pub(crate) set: XattrSetId,
    pub(crate) at: u64,
    pub(crate) name_length: u8,
    pub(crate) value_length: u32,
}

impl Xattr {
    /// The length of the name without the namespace's prefix, in bytes.
    #[must_use]
    pub fn name_length(&self) -> u8 {
        self.name_length
    }

    /// The length of the value in bytes, at most 65536.
    #[must_use]
    pub fn value_length(&self) -> u32 {
        self.value_length
    }

    pub(crate) fn name_at(&self) -> u64 {
        self.at.saturating_add(XATTR_SIZE)
    }

    /// Where the value begins, in bytes from the start of the image.
    #[must_use]
    pub fn value_at(&self) -> u64 {
        self.name_at().saturating_add(self.name_length.into())
    }

    /// Where the value ends; zeros follow up to a multiple of 8 bytes.
    pub(crate) fn end(&self) -> u64 {
        self.value_at().saturating_add(self.value_length.into())
    }

    pub(crate) fn finding(&self, rule: Rule, offset: u64, value: u64) -> Finding {
        Finding::new(Object::XattrSet(self.set), offset, rule, value)
    }

    /// Copies the name, without the prefix, into `buffer`.
    pub(crate) fn read_name<'a, M: Memory + ?Sized>(
        &self,
        memory: &M,
        buffer: &'a mut [u8; 255],
    ) -> Result<&'a [u8]> {
        let room = buffer
            .get_mut(..usize::from(self.name_length))
            .unwrap_or_default();
        memory.read(self.name_at(), room)?;
        Ok(room)
    }
}

impl XattrSet {
    /// Finds and bounds the set `id`.
    pub(crate) fn locate<M: Memory + ?Sized>(
        memory: &M,
        image: &Superblock,
        id: XattrSetId,
    ) -> Result<Self> {
        let (section, section_length) = image.sections().range(SectionKind::Xattrs);
        let fail = |rule, offset, value| {
            Error::from(Finding::new(Object::XattrSet(id), offset, rule, value))
        };
        let slot = Self::slot(id);
        let at = section.saturating_add(slot);
        if slot.saturating_add(SET_SIZE) > section_length {
            return Err(fail(Rule::InodeXattrs, at, id.get().into()));
        }
        let raw: RawXattrSet = read_struct(memory, at)?;
        let (offset, length) = (u64::from(raw.offset.get()), u64::from(raw.length.get()));
        let end = offset.saturating_add(length);
        let aligned = (offset | length) & 7 == 0;
        if end > section_length || offset < HEADER_SIZE || length == 0 || !aligned {
            return Err(fail(Rule::XattrTable, at, offset));
        }
        Ok(Self {
            id,
            offset: section.saturating_add(offset),
            end: section.saturating_add(end),
        })
    }

    /// Where the entry of the set `id` lies in the section.
    pub(crate) fn slot(id: XattrSetId) -> u64 {
        let index = u64::from(id.get().saturating_sub(1));
        HEADER_SIZE.saturating_add(index.saturating_mul(SET_SIZE))
    }

    /// A walk over the set, from its start.
    #[must_use]
    pub fn walk(&self) -> XattrWalk {
        XattrWalk {
            set: *self,
            at: self.offset,
            listed: 0,
        }
    }

    /// The attribute with this namespace and name.
    pub(crate) fn find<M: Memory + ?Sized>(
        &self,
        memory: &M,
        namespace: Namespace,
        name: &[u8],
    ) -> Result<Option<Xattr>> {
        let mut walk = self.walk();
        let mut buffer = [0; 255];
        while let Some(xattr) = walk.next(memory)? {
            let same = xattr.namespace == namespace
                && u64::from(xattr.name_length) == len64(name)
                && xattr.read_name(memory, &mut buffer)? == name;
            if same {
                return Ok(Some(xattr));
            }
        }
        Ok(None)
    }
}

/// A walk over the attributes of a set.
///
/// # Invariants
/// Each step moves on and lengthens the list of names, whose length is limited: a walk ends.
#[derive(Clone, Copy, Debug)]
pub struct XattrWalk {
    set: XattrSet,
    at: u64,
    listed: u64,
}

impl XattrWalk {
    /// Where the next attribute begins in the image.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    fn fail(&self, rule: Rule, field: u64, value: u64) -> Error {
        let (object, offset) = (Object::XattrSet(self.set.id), self.at.saturating_add(field));
        Finding::new(object, offset, rule, value).into()
    }

    /// Copies out and validates the next attribute, or returns `None` at the end of the set.
    pub(crate) fn next<M: Memory + ?Sized>(&mut self, memory: &M) -> Result<Option<Xattr>> {
        if self.at >= self.set.end {
            return Ok(None);
        }
        let xattr = self.validate(&read_struct(memory, self.at)?)?;
        let name = xattr
            .namespace
            .prefix()
            .len()
            .saturating_add(xattr.name_length.into());
        self.listed = self
            .listed
            .saturating_add(from_usize(name))
            .saturating_add(1);
        if self.listed > MAX_XATTR_LIST {
            return Err(self.fail(Rule::XattrList, 5, xattr.name_length.into()));
        }
        self.at = round_up(xattr.end(), ALIGN_SHIFT)
            .filter(|&next| next <= self.set.end)
            .ok_or_else(|| self.fail(Rule::XattrEntry, 0, xattr.value_length.into()))?;
        Ok(Some(xattr))
    }

    fn validate(&self, raw: &RawXattr) -> Result<Xattr> {
        if raw.reserved_6.get() != 0 {
            return Err(self.fail(Rule::XattrEntry, 6, raw.reserved_6.get().into()));
        }
        let namespace = Namespace::from_number(raw.namespace)
            .ok_or_else(|| self.fail(Rule::XattrNamespace, 4, raw.namespace.into()))?;
        let (name_length, value_length) = (raw.name_length, raw.value_length.get());
        let full = namespace.prefix().len().saturating_add(name_length.into());
        if (name_length == 0) != namespace.is_acl() || full > MAX_XATTR_NAME {
            return Err(self.fail(Rule::XattrName, 5, name_length.into()));
        }
        if value_length > MAX_XATTR_VALUE {
            return Err(self.fail(Rule::XattrValue, 0, value_length.into()));
        }
        Ok(Xattr {
            namespace,
            set: self.set.id,
            at: self.at,
            name_length,
            value_length,
        })
    }
}

const _: () = assert!(from_usize(size_of::<RawXattr>()) == XATTR_SIZE);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_split_into_namespace_and_name() {
        assert_eq!(
            Namespace::split(b"user.a"),
            Some((Namespace::User, &b"a"[..]))
        );
        let acl = Namespace::split(b"system.posix_acl_access");
        assert_eq!(acl, Some((Namespace::AclAccess, &b""[..])));
        for name in [
            &b"user."[..],
            b"system.nfs4_acl",
            b"system.posix_acl_accessx",
            b"a",
            b"",
        ] {
            assert_eq!(Namespace::split(name), None);
        }
        let long = [b"user.".to_vec(), vec![b'x'; 251]].concat();
        assert_eq!(Namespace::split(&long), None);
        assert!(Namespace::split(&long[..255]).is_some());
    }
}
