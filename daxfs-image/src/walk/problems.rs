// SPDX-License-Identifier: MIT OR Apache-2.0
//! Problems that do not end a walk.

use std::fmt::Display;

use daxfs_format::{Directory, Finding, Ino, Object, Rule};

/// The receiver of problems that do not end a walk.
pub trait Problems {
    /// Takes a problem of the file at `path`.
    fn at(&mut self, path: &[u8], problem: &dyn Display);

    /// Takes a problem of an object without a path.
    fn of_image(&mut self, problem: &dyn Display);
}

/// The finding of a directory whose unit overlaps another one.
pub(super) fn shared_unit(directory: &Directory) -> Finding {
    let (object, offset) = (Object::Inode(directory.ino().get()), directory.offset());
    Finding::new(object, offset, Rule::DirectoryOffset, offset)
}

/// The problem of a directory that was entered before, so that it is not entered again.
#[must_use]
pub fn entered_before(ino: Ino) -> String {
    format!("inode {ino} is a directory that was entered before")
}
