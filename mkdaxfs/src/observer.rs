// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports of a build while it runs.

use std::path::Path;

use crate::error::Error;

/// Receives the reports of a build. Calls come from several threads.
pub trait Observer: Sync {
    /// Reports that a phase begins. The build goes on when the call returns.
    fn phase(&self, _phase: Phase) {}

    /// Reports a number of further entries that the scan has found.
    fn scanned(&self, _entries: u64) {}

    /// Reports a number of further bytes of contents that are in the image.
    fn advance(&self, _bytes: u64) {}

    /// Reports a file, or part of one, that is not in the image.
    fn left_out(&self, _path: &Path, _why: LeftOut) {}

    /// Reports a pattern of files to leave out that has matched nothing.
    fn unmatched(&self, _glob: &str) {}

    /// Reports a file that is not in the image because it cannot be read, or has changed.
    fn skipped(&self, _error: &Error) {}

    /// Reports a directory that has changed since the scan. The image has it as the scan found it.
    fn outdated(&self, _error: &Error) {}
}

/// Ignores all reports.
impl Observer for () {}

/// The phases of a build, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The tree is scanned.
    Scan,
    /// Files that may be equal are compared.
    Compare {
        /// Number of entries that the scan has found.
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

/// The reason why something is not in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A pattern of `--exclude` matches.
    Excluded,
    /// It is the image that is about to be replaced.
    Image,
    /// It is below a mount point, or on another device. The directory itself is in the image.
    Mounted,
    /// It could not be read, or has changed, and the build has begun anew without it.
    Unreadable,
    /// An extended attribute of a namespace that the format does not hold.
    Xattr,
    /// An extended attribute that the file system lists and does not have.
    XattrWithoutValue,
}
