// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of one directory, with all their metadata.

use std::ops::Range;

use daxfs_format::directory::ENTRY_SIZE;
use daxfs_format::limits::MAX_DIRECTORY;
use daxfs_format::NameHash;

use crate::num::len64;
use crate::own::FileKey;
use crate::tree::builder::NewNode;
use crate::tree::limits::Limit;
use crate::tree::node::hash_of;

/// The number of names from which a directory may be one that never ends.
const MANY: usize = 1 << 16;

/// The files of a directory, in the order of the format when it is sorted.
#[derive(Debug, Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    pub(super) files: Vec<Listed>,
}

/// A file with its name in the directory.
#[derive(Debug)]
pub(super) struct Listed {
    name: Range<usize>,
    hash: NameHash,
    pub(super) found: Found,
}

/// A file that belongs to the tree.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) node: NewNode,
    /// Device and inode number.
    pub(super) key: FileKey,
    /// True if it may have other names.
    pub(super) is_linked: bool,
    /// True for a directory that is to be scanned.
    pub(super) is_scanned: bool,
}

impl Listing {
    /// A listing whose names are those of `names`.
    pub(super) fn new(names: Names) -> (Self, Vec<Range<usize>>) {
        let listing = Self {
            names: names.bytes,
            files: Vec::new(),
        };
        (listing, names.ranges)
    }

    /// The bytes of a range of names.
    pub(super) fn bytes(&self, name: &Range<usize>) -> &[u8] {
        &self.names[name.clone()]
    }

    /// The name of a file.
    pub(super) fn name(&self, listed: &Listed) -> &[u8] {
        self.bytes(&listed.name)
    }

    /// Adds a file.
    pub(super) fn push(&mut self, name: Range<usize>, found: Found) {
        let hash = hash_of(self.bytes(&name));
        self.files.push(Listed { name, hash, found });
    }

    /// Sorts the files by hash and then by name.
    pub(super) fn sort(&mut self) {
        let names = &self.names;
        let key = |listed: &Listed| (listed.hash, &names[listed.name.clone()]);
        self.files.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// Names that a directory has returned.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Names {
    /// Adds a name.
    ///
    /// # Errors
    /// When the names are more than a directory may hold, or a directory that never ends repeats
    /// them. The tree builder finds other names that are listed twice.
    pub(super) fn push(&mut self, name: &[u8]) -> Result<(), Limit> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.ranges.push(start..self.bytes.len());
        let count = self.ranges.len();
        if len64(self.bytes.len()) + len64(count) * ENTRY_SIZE > MAX_DIRECTORY {
            return Err(Limit::DirectoryLength);
        }
        if count >= MANY && count.is_power_of_two() && self.has_name_twice() {
            return Err(Limit::NameTwice);
        }
        Ok(())
    }

    fn has_name_twice(&self) -> bool {
        let names = self.ranges.iter().map(|range| &self.bytes[range.clone()]);
        let mut names: Vec<&[u8]> = names.collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}
