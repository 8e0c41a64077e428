// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of extended attributes, and the walk over one.

use super::namespace::Namespace;
use super::raw::{RawXattr, RawXattrSet, ALIGN_SHIFT, HEADER_SIZE, SET_SIZE, XATTR_SIZE};
use crate::error::{Error, Finding, Object, Result};
use crate::ids::XattrSetId;
use crate::kinds::SectionKind;
use crate::limits::{MAX_XATTR_LIST, MAX_XATTR_NAME, MAX_XATTR_VALUE};
use crate::memory::{read_struct, Memory};
use crate::num::{from_usize, len64, round_up};
use crate::rule::Rule;
use crate::superblock::Superblock;

/// The location of a set.
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

    /// The offset of the value, in bytes from the start of the image.
    #[must_use]
    pub fn value_at(&self) -> u64 {
        self.name_at().saturating_add(self.name_length.into())
    }

    /// The end of the value. Zeros follow up to a multiple of 8 bytes.
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
        let name = buffer
            .get_mut(..usize::from(self.name_length))
            .unwrap_or_default();
        memory.read(self.name_at(), name)?;
        Ok(name)
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

    /// The offset of the entry of set `id` in the section.
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
/// Each step advances and lengthens the list of names, whose length is limited: a walk ends.
#[derive(Clone, Copy, Debug)]
pub struct XattrWalk {
    set: XattrSet,
    at: u64,
    listed: u64,
}

impl XattrWalk {
    /// The offset of the next attribute in the image.
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
