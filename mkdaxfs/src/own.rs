// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes that a build makes itself, so that they are not reported as changes of the source.

use std::sync::{Arc, OnceLock};

/// Device and inode number: a file of this system, by whatever path it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The directory that the build itself changes: the one in which the image has a temporary name.
/// The output states it when it gives that name. A source that may contain the directory holds a
/// clone of the same value.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnDirectory(Arc<OnceLock<FileKey>>);

impl OwnDirectory {
    /// States the directory. Only the first call has an effect: a build has one output.
    pub(crate) fn set(&self, key: FileKey) {
        self.0.get_or_init(|| key);
    }

    /// Returns true if `key` is that of the directory.
    pub(crate) fn is(&self, key: FileKey) -> bool {
        self.0.get() == Some(&key)
    }
}
