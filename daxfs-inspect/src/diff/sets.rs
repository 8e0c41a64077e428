// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two sets of extended attributes.
//!
//! Files share sets, which may be large. So a set is read once, names and digests of values are
//! kept, and values are read again if they are printed. Sets whose attributes overlap are refused:
//! a set would cost an image eight bytes, and a reader all bytes of the section.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use daxfs_cli::json::Text;
use daxfs_image::attributes::full_name;
use daxfs_image::format::xattr::{Xattr, XATTR_SIZE};
use daxfs_image::format::{Error, Finding, Memory, Object, Rule, Sha256 as _, XattrSetId};
use daxfs_image::hash::Sha256;
use daxfs_image::ranges::Ranges;

use super::change::{Change, Value};
use crate::open::Inspected;

/// Compares attribute sets of two images.
pub struct Sets<'a> {
    a: Side<'a>,
    b: Side<'a>,
    same: HashSet<(XattrSetId, XattrSetId)>,
}

impl<'a> Sets<'a> {
    /// Compares sets of `a` with sets of `b`.
    #[must_use]
    pub fn new(a: &'a Inspected, b: &'a Inspected) -> Self {
        Self {
            a: Side::new(a),
            b: Side::new(b),
            same: HashSet::new(),
        }
    }

    /// The changes from one set to the other, by name.
    ///
    /// # Errors
    /// A rule that a set breaks, or a fault of the memory.
    pub fn changes(
        &mut self,
        a: Option<XattrSetId>,
        b: Option<XattrSetId>,
    ) -> Result<Vec<Change>, Error> {
        let pair = a.zip(b);
        if pair.is_some_and(|pair| self.same.contains(&pair)) {
            return Ok(Vec::new());
        }
        let (old, new) = (self.a.attributes(a)?, self.b.attributes(b)?);
        let different = different(&old, &new);
        if different.is_empty() {
            self.same.extend(pair);
        }
        different
            .into_iter()
            .map(|(name, old, new)| {
                Ok(Change {
                    field: "xattr",
                    name: Some(Text(name.to_vec())),
                    old: old.map(|old| self.a.printed(old)).transpose()?,
                    new: new.map(|new| self.b.printed(new)).transpose()?,
                })
            })
            .collect()
    }
}

/// An attribute whose value is not kept in memory.
#[derive(Clone, Debug)]
struct Attribute {
    /// The name with its prefix.
    name: Vec<u8>,
    digest: [u8; 32],
    /// The offset of the value, and its length.
    value: (u64, u32),
}

/// The attributes of one image.
struct Side<'a> {
    image: &'a Inspected,
    /// Each set sorted by name.
    sets: HashMap<XattrSetId, Result<Rc<[Attribute]>, Error>>,
    read: Ranges,
}

impl<'a> Side<'a> {
    fn new(image: &'a Inspected) -> Self {
        Self {
            image,
            sets: HashMap::new(),
            read: Ranges::default(),
        }
    }

    fn attributes(&mut self, set: Option<XattrSetId>) -> Result<Rc<[Attribute]>, Error> {
        let Some(set) = set else {
            return Ok(Rc::from([]));
        };
        if let Some(known) = self.sets.get(&set) {
            return known.clone();
        }
        let attributes = self.read(set).map(Rc::from);
        self.sets.insert(set, attributes.clone());
        attributes
    }

    fn read(&mut self, set: XattrSetId) -> Result<Vec<Attribute>, Error> {
        let mut walk = self.image.xattrs(set)?.walk();
        let mut attributes = Vec::new();
        while let Some(xattr) = self.image.next_xattr(&mut walk)? {
            let name = u64::from(xattr.name_length());
            // Includes the header: some attributes have nothing else.
            let start = xattr.value_at().saturating_sub(name + XATTR_SIZE);
            let length = (XATTR_SIZE + name).saturating_add(xattr.value_length().into());
            if !self.read.insert(start, length) {
                return Err(overlap(set, start).into());
            }
            attributes.push(self.attribute(&xattr)?);
        }
        // Of equal names, the first one is kept.
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        attributes.dedup_by(|next, first| next.name == first.name);
        Ok(attributes)
    }

    fn attribute(&self, xattr: &Xattr) -> Result<Attribute, Error> {
        let name = full_name(self.image, xattr)?;
        let value = (xattr.value_at(), xattr.value_length());
        let mut hash = Sha256::new();
        hash.update(&self.value(value)?);
        Ok(Attribute {
            name,
            digest: hash.finish(),
            value,
        })
    }

    fn value(&self, (at, length): (u64, u32)) -> Result<Vec<u8>, Error> {
        let mut value = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.image.memory().read(at, &mut value)?;
        Ok(value)
    }

    fn printed(&self, attribute: &Attribute) -> Result<Value, Error> {
        Ok(Value::Bytes(self.value(attribute.value)?))
    }
}

type Pair<'s> = (&'s [u8], Option<&'s Attribute>, Option<&'s Attribute>);

/// The names for which two sorted sets have different values.
fn different<'s>(old: &'s [Attribute], new: &'s [Attribute]) -> Vec<Pair<'s>> {
    let find = |set: &'s [Attribute], name: &[u8]| {
        let index = set.binary_search_by(|attribute| attribute.name.as_slice().cmp(name));
        index.ok().and_then(|index| set.get(index))
    };
    let mut names: Vec<&[u8]> = old.iter().chain(new).map(|a| a.name.as_slice()).collect();
    names.sort_unstable();
    names.dedup();
    let pairs = names
        .into_iter()
        .map(|name| (name, find(old, name), find(new, name)));
    let digest = |attribute: &Attribute| attribute.digest;
    pairs
        .filter(|(_, old, new)| old.map(digest) != new.map(digest))
        .collect()
}

fn overlap(set: XattrSetId, at: u64) -> Finding {
    Finding::new(Object::XattrSet(set), at, Rule::XattrOffset, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: u8) -> Attribute {
        Attribute {
            name: name.into(),
            digest: [value; 32],
            value: (0, 0),
        }
    }

    #[test]
    fn attributes_are_compared_by_name() {
        let old = [
            attribute("user.a", 1),
            attribute("user.b", 2),
            attribute("user.c", 3),
        ];
        let new = [
            attribute("user.b", 2),
            attribute("user.c", 4),
            attribute("user.d", 5),
        ];
        let different: Vec<_> = different(&old, &new)
            .into_iter()
            .map(|(name, old, new)| {
                let value = |attribute: &Attribute| attribute.digest[0];
                (name, old.map(value), new.map(value))
            })
            .collect();
        let expected = [
            (&b"user.a"[..], Some(1), None),
            (b"user.c", Some(3), Some(4)),
            (b"user.d", None, Some(5)),
        ];
        assert_eq!(different, expected);
    }
}
