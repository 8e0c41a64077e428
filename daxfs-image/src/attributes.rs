// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes with their full names.

use daxfs_format::xattr::{Xattr, XattrWalk};
use daxfs_format::{Error, Image, Memory, XattrSetId, Xxh64};

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name with its prefix.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// The attributes of a set, in the order of the image. One is in memory at a time. An error is the
/// last item.
pub struct Attributes<'a, M, X> {
    image: &'a Image<M, X>,
    /// `None` after an error, from which a walk does not go on.
    walk: Option<XattrWalk>,
}

impl<'a, M: Memory, X: Xxh64> Attributes<'a, M, X> {
    /// The attributes of a set.
    ///
    /// # Errors
    /// A rule that the table of sets breaks, or a fault of the memory.
    pub fn new(image: &'a Image<M, X>, set: XattrSetId) -> Result<Self, Error> {
        let walk = image.xattrs(set)?.walk();
        Ok(Self {
            image,
            walk: Some(walk),
        })
    }
}

impl<M: Memory, X: Xxh64> Iterator for Attributes<'_, M, X> {
    type Item = Result<Attribute, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let xattr = self.image.next_xattr(self.walk.as_mut()?).transpose()?;
        let item = xattr.and_then(|xattr| read(self.image, &xattr));
        if item.is_err() {
            self.walk = None;
        }
        Some(item)
    }
}

/// Reads an attribute.
fn read<M: Memory, X: Xxh64>(image: &Image<M, X>, xattr: &Xattr) -> Result<Attribute, Error> {
    let name = full_name(image, xattr)?;
    let length = usize::try_from(xattr.value_length()).unwrap_or(usize::MAX);
    let mut value = vec![0; length];
    image.xattr_value(xattr, &mut value)?;
    Ok(Attribute { name, value })
}

/// The name of an attribute with its prefix.
///
/// # Errors
/// A rule that the name breaks, or a fault of the memory.
pub fn full_name<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    xattr: &Xattr,
) -> Result<Vec<u8>, Error> {
    let mut name = xattr.namespace.prefix().as_bytes().to_vec();
    name.extend_from_slice(image.xattr_name(xattr, &mut [0; 255])?);
    Ok(name)
}
