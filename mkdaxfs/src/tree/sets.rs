// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attribute sets of a tree, each of which is stored once.

use std::collections::HashMap;

use super::node::SetIndex;
use super::xattrs::EncodedSet;

/// The sets that occur.
#[derive(Debug, Default)]
pub(super) struct Sets {
    numbers: HashMap<Box<[u8]>, SetIndex>,
}

impl Sets {
    /// The index of a set, in the order in which they came. The empty set has none.
    pub(super) fn intern(&mut self, set: &EncodedSet) -> Option<SetIndex> {
        let bytes = set.as_bytes();
        if bytes.is_empty() {
            return None;
        }
        if let Some(&number) = self.numbers.get(bytes) {
            return Some(number);
        }
        let number = SetIndex::after(self.numbers.len());
        self.numbers.insert(bytes.into(), number);
        Some(number)
    }

    /// The sets in the order of their indices.
    pub(super) fn into_sets(self) -> Vec<Box<[u8]>> {
        let mut sets: Vec<_> = self.numbers.into_iter().collect();
        sets.sort_unstable_by_key(|&(_, number)| number.index());
        sets.into_iter().map(|(set, _)| set).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_one_number_and_the_empty_one_none() {
        let mut sets = Sets::default();
        let mut number = |bytes: &[u8]| {
            let set = EncodedSet::from_bytes(bytes);
            sets.intern(&set).map(SetIndex::index)
        };
        assert_eq!(number(b""), None);
        assert_eq!((number(b"b"), number(b"a")), (Some(0), Some(1)));
        assert_eq!(number(b"b"), Some(0));
        assert_eq!(
            sets.into_sets(),
            [Box::from(&b"b"[..]), Box::from(&b"a"[..])]
        );
    }
}
