// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extended attributes with their full names.

use daxfs_image::format::{Error, Image, Memory, XattrSetId, Xxh64};

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name with its prefix.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Reads a set of attributes, in the order of the image.
///
/// # Errors
/// The first rule that the set breaks, or the memory's own.
pub fn read<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    set: XattrSetId,
) -> Result<Vec<Attribute>, Error> {
    let mut walk = image.xattrs(set)?.walk();
    let mut attributes = Vec::new();
    while let Some(xattr) = image.next_xattr(&mut walk)? {
        let mut name = xattr.namespace.prefix().as_bytes().to_vec();
        name.extend_from_slice(image.xattr_name(&xattr, &mut [0; 255])?);
        let length = usize::try_from(xattr.value_length()).unwrap_or(usize::MAX);
        let mut value = vec![0; length];
        image.xattr_value(&xattr, &mut value)?;
        attributes.push(Attribute { name, value });
    }
    Ok(attributes)
}
