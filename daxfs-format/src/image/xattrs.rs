// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes of an image.

use super::open::Image;
use crate::error::{Finding, Object, Result};
use crate::hash::Xxh64;
use crate::ids::XattrSetId;
use crate::memory::Memory;
use crate::num::to_usize;
use crate::rule::Rule;
use crate::xattr::{Namespace, Xattr, XattrSet, XattrWalk};

impl<M: Memory, X: Xxh64> Image<M, X> {
    /// Finds a set of extended attributes.
    ///
    /// # Errors
    /// [`Rule::InodeXattrs`] if there is none with this number, [`Rule::XattrTable`] if it does not
    /// lie in its section, or a fault of the memory.
    pub fn xattrs(&self, id: XattrSetId) -> Result<XattrSet> {
        XattrSet::locate(&self.memory, &self.superblock, id)
    }

    /// Copies out and validates the next attribute of a walk; `None` at the end.
    ///
    /// # Errors
    /// A rule that the attribute breaks, or a fault of the memory.
    pub fn next_xattr(&self, walk: &mut XattrWalk) -> Result<Option<Xattr>> {
        walk.next(&self.memory)
    }

    /// The attribute of a set with this namespace and name (without the prefix).
    ///
    /// # Errors
    /// A rule that an attribute on the way breaks, or a fault of the memory.
    pub fn find_xattr(
        &self,
        set: &XattrSet,
        namespace: Namespace,
        name: &[u8],
    ) -> Result<Option<Xattr>> {
        set.find(&self.memory, namespace, name)
    }

    /// Copies the name of an attribute, without the namespace's prefix, into `buffer`.
    ///
    /// # Errors
    /// [`Rule::XattrName`] for a name with a NUL, or a fault of the memory.
    pub fn xattr_name<'a>(&self, xattr: &Xattr, buffer: &'a mut [u8; 255]) -> Result<&'a [u8]> {
        let name = xattr.read_name(&self.memory, buffer)?;
        let object = Object::XattrSet(xattr.set);
        Finding::require_text(object, Rule::XattrName, xattr.name_at(), name)?;
        Ok(name)
    }

    /// Copies the first bytes of an attribute's value into `buffer` and returns them; all of them
    /// are [`Xattr::value_length`].
    ///
    /// # Errors
    /// A fault of the memory.
    pub fn xattr_value<'a>(&self, xattr: &Xattr, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = to_usize(xattr.value_length.into()).min(buffer.len());
        let value = buffer.get_mut(..length).unwrap_or_default();
        self.memory.read(xattr.value_at(), value)?;
        Ok(value)
    }
}
