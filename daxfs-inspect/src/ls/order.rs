// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of lines.

use std::cmp::Reverse;

use daxfs_image::format::Inode;
use daxfs_image::path::Found;
use daxfs_image::walk::Listed;

use crate::cli::LsArgs;
use crate::open::Inspected;

/// The key by which files are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Name,
    Time,
    Size,
}

/// An order of lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    key: Key,
    is_reverse: bool,
}

/// The values of a file by which it is sorted.
type Rank = Reverse<(i64, u64)>;

impl Order {
    pub(super) fn of(arguments: &LsArgs) -> Self {
        let key = match (arguments.time, arguments.size) {
            (true, _) => Key::Time,
            (false, true) => Key::Size,
            (false, false) => Key::Name,
        };
        Self {
            key,
            is_reverse: arguments.reverse,
        }
    }

    /// Sorts the entries of a directory, which come sorted by name. An inode that cannot be read,
    /// which is reported when it is printed, comes last.
    pub(super) fn sort(self, image: &Inspected, entries: &mut [Listed]) {
        if self.key != Key::Name {
            entries.sort_by_cached_key(|entry| {
                let inode = image.inode(entry.ino).ok();
                inode.map_or(Reverse((i64::MIN, 0)), |inode| self.rank(&inode))
            });
        }
        if self.is_reverse {
            entries.reverse();
        }
    }

    /// Sorts paths of the command line, which keep their order unless a key is given.
    pub(super) fn sort_found(self, found: &mut [Found]) {
        if self.key != Key::Name {
            found.sort_by_key(|found| self.rank(&found.inode));
        }
        if self.is_reverse {
            found.reverse();
        }
    }

    fn rank(self, inode: &Inode) -> Rank {
        Reverse(match self.key {
            Key::Name => (0, 0),
            Key::Time => (inode.mtime.seconds, inode.mtime.nanoseconds.into()),
            Key::Size => (0, inode.size),
        })
    }
}
