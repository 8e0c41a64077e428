// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a build tells while it runs.

use std::path::Path;

/// Who hears how a build goes on. Calls come from several threads.
pub trait Observer: Sync {
    /// A phase begins. The build goes on when the call returns.
    fn phase(&self, _phase: Phase) {}

    /// So many further bytes of contents are in the image, or known to be in it already.
    fn advance(&self, _bytes: u64) {}

    /// Something is not in the image.
    fn left_out(&self, _path: &Path, _why: LeftOut) {}
}

/// The observer that does not look.
impl Observer for () {}

/// The phases of a build, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The tree is scanned.
    Scan,
    /// Files that may be equal are compared.
    Compare {
        /// How many entries the scan has found.
        entries: u64,
        /// The sum of the sizes of all regular files.
        bytes: u64,
    },
    /// Contents are copied into the image.
    Copy,
    /// Metadata is written.
    Metadata,
    /// The image is made durable, and gets its name.
    Publish,
}

/// Why something is not in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A pattern of `--exclude` matches.
    Excluded,
    /// It is the image that is about to be replaced.
    Image,
    /// It is on another file system.
    OtherFileSystem,
    /// It is below a directory on which another file system is mounted; the directory is in the image.
    Mounted,
    /// An extended attribute of a namespace that the format does not hold.
    Xattr,
}
