// SPDX-License-Identifier: MIT OR Apache-2.0
//! The name under which a file is created, and the file that already has it.
//!
//! The names of an image differ in their bytes. A target may take two of them for one, because it
//! ignores case or forms of Unicode. Then the later one is refused: a file that this extraction has
//! created is never replaced.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use daxfs_image::format::Directory;
use daxfs_image::FileImage;
use rustix::fs::{statat, unlinkat, AtFlags, Dir};
use rustix::io::Errno;

use super::target::Existing;

/// The names that a directory had before this extraction created one that it already had.
pub(super) type Before = OnceCell<HashSet<Vec<u8>>>;

/// A name in an open directory of the target.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    /// The directory.
    pub(super) parent: BorrowedFd<'a>,
    /// The name.
    pub(super) name: &'a [u8],
    /// The directory in the image, and its names in the target; `None` in a directory that only
    /// this program uses.
    pub(super) listing: Option<(&'a FileImage, Directory, &'a Before)>,
}

/// The reason for which a name could not be created.
#[derive(Debug)]
pub(super) enum Refused {
    /// The error of the operating system.
    Os(Errno),
    /// The target takes it for another name of the image: for this one, if it is known.
    SameAs(Option<Vec<u8>>),
}

impl From<Errno> for Refused {
    fn from(error: Errno) -> Self {
        Self::Os(error)
    }
}

impl Slot<'_> {
    /// Creates the name by `make`. If existing files are replaced, an entry of that name is removed
    /// first. Directories that are not empty are not replaced.
    pub(super) fn create<T>(
        self,
        existing: Existing,
        make: impl Fn() -> Result<T, Errno>,
    ) -> Result<T, Refused> {
        match make() {
            Err(Errno::EXIST) => {
                self.give_way(existing)?;
                Ok(make()?)
            }
            made => Ok(made?),
        }
    }

    /// Removes the entry that has the name, if it may be replaced.
    fn give_way(self, existing: Existing) -> Result<(), Refused> {
        self.check(existing)?;
        match unlinkat(self.parent, self.name, AtFlags::empty()) {
            Err(Errno::ISDIR) => Ok(unlinkat(self.parent, self.name, AtFlags::REMOVEDIR)?),
            removed => Ok(removed?),
        }
    }

    /// Checks that the entry that has the name may be replaced: that it existed before.
    pub(super) fn check(self, existing: Existing) -> Result<(), Refused> {
        let Some((image, directory, before)) = self.listing else {
            return Err(Errno::EXIST.into());
        };
        let listed = match before.get() {
            Some(names) => names,
            None => {
                let names = list(self.parent)?.into_iter().map(|(name, _)| name);
                before.get_or_init(|| names.collect())
            }
        };
        if !listed.contains(self.name) {
            self.compare(image, &directory)?;
        }
        match existing {
            Existing::Replace => Ok(()),
            Existing::Refuse => Err(Errno::EXIST.into()),
        }
    }

    /// Checks that the entry that has the name is not one of another name of the image.
    fn compare(self, image: &FileImage, directory: &Directory) -> Result<(), Refused> {
        let inode = statat(self.parent, self.name, AtFlags::SYMLINK_NOFOLLOW)?.st_ino;
        let entries = list(self.parent)?;
        if entries.iter().any(|(other, _)| other == self.name) {
            return Ok(());
        }
        let mut same = entries.into_iter().filter(|(_, ino)| *ino == inode);
        let Some((other, _)) = same.next() else {
            return Err(Refused::SameAs(None));
        };
        // An error of the image appears again when it is walked.
        match image.lookup(directory, &other) {
            Ok(None) => Ok(()),
            _ => Err(Refused::SameAs(Some(other))),
        }
    }
}

/// The names of a directory of the target, with their inode numbers.
fn list(directory: BorrowedFd<'_>) -> Result<Vec<(Vec<u8>, u64)>, Errno> {
    let entries = Dir::read_from(directory)?;
    entries
        .map(|entry| entry.map(|entry| (entry.file_name().to_bytes().to_vec(), entry.ino())))
        .collect()
}
