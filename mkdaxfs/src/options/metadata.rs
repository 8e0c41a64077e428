// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options that change the metadata of files by rules.

/// A range of users or groups of the sources, and the numbers that they get in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The first number in the sources.
    pub from: u32,
    /// The first number in the image.
    pub to: u32,
    /// Number of IDs in the range.
    pub count: u32,
}

impl IdRange {
    fn map(self, id: u32) -> Option<u32> {
        let offset = id.checked_sub(self.from)?;
        (offset < self.count).then(|| self.to.saturating_add(offset))
    }

    fn overlaps(self, other: Self) -> bool {
        self.map(other.from).is_some() || other.map(self.from).is_some()
    }
}

/// Ranges of users or groups. Without ranges all keep their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMap(Vec<IdRange>);

impl IdMap {
    /// A map of these ranges. `None` if two of them begin with the same number of the sources, or
    /// overlap there.
    #[must_use]
    pub fn new(ranges: &[IdRange]) -> Option<Self> {
        let mut rest = ranges;
        while let Some((first, others)) = rest.split_first() {
            if others.iter().any(|other| first.overlaps(*other)) {
                return None;
            }
            rest = others;
        }
        Some(Self(ranges.to_vec()))
    }

    /// Returns true if all keep their numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number in the image; `None` for one that no range has.
    #[must_use]
    pub fn map(&self, id: u32) -> Option<u32> {
        if self.is_empty() {
            return Some(id);
        }
        self.0.iter().find_map(|range| range.map(id))
    }
}

/// The maps of users and groups.
#[derive(Clone, Debug, Default)]
pub struct IdMaps {
    /// Users.
    pub uids: IdMap,
    /// Groups.
    pub gids: IdMap,
}

/// Rules for extended attributes, which apply in the order of the fields.
#[derive(Clone, Debug, Default)]
pub struct XattrRules {
    /// Globs of names to keep. Without one, all are kept.
    pub include: Vec<String>,
    /// Globs of names to leave out.
    pub exclude: Vec<String>,
    /// Attributes to add.
    pub add: Vec<XattrAddition>,
}

/// An extended attribute to add, in place of one of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XattrAddition {
    /// The files, as a pattern of `exclude` names them; `/` is the root.
    pub files: String,
    /// The full name.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: u32, to: u32, count: u32) -> IdRange {
        IdRange { from, to, count }
    }

    #[test]
    fn numbers_are_mapped_by_the_range_that_has_them() {
        let map = IdMap::new(&[range(100_000, 0, 65536), range(7, 7, 1)]).unwrap();
        assert_eq!(map.map(100_000), Some(0));
        assert_eq!(map.map(165_535), Some(65535));
        assert_eq!(map.map(7), Some(7));
        for outside in [0, 6, 8, 99_999, 165_536, u32::MAX] {
            assert_eq!(map.map(outside), None, "{outside}");
        }
        assert_eq!(IdMap::default().map(5), Some(5));
    }

    #[test]
    fn ranges_that_overlap_are_no_map() {
        for other in [
            range(5, 0, 1),
            range(0, 0, 6),
            range(14, 50, 9),
            range(0, 0, 50),
        ] {
            assert_eq!(IdMap::new(&[range(5, 100, 10), other]), None, "{other:?}");
        }
        assert!(IdMap::new(&[range(5, 0, 10), range(15, 0, 1), range(0, 9, 5)]).is_some());
    }
}
