// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory within the target for files that have no name yet.
//!
//! Its name is unpredictable, and a lock is held on it as long as it is in use. An extraction that
//! is killed leaves it behind. The next extraction to the same target recognises it by its name,
//! its owner and its contents, finds no lock on it, and removes it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{bail, Context, Result};
use daxfs_image::format::{Directory, InodeKind};
use daxfs_image::FileImage;
use rustix::fs::{
    flock, fstat, mkdirat, openat, statat, unlinkat, AtFlags, Dir, FlockOperation, Mode, OFlags,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The start of the name. Sixteen hexadecimal digits follow.
const PREFIX: &str = ".daxfs-fsck.";

/// The number of names that are tried.
const ATTEMPTS: u32 = 100;

/// The directory, made on first use and removed with everything in it.
pub(super) struct Staging<'a> {
    image: &'a FileImage,
    root: Directory,
    target: OwnedFd,
    made: Option<(String, OwnedFd)>,
}

impl<'a> Staging<'a> {
    /// A directory within `target` that is made on first use. Those of killed extractions are
    /// removed.
    pub(super) fn new(image: &'a FileImage, target: &OwnedFd) -> Result<Self> {
        let root = image.inode(image.superblock().root())?;
        let InodeKind::Directory(root) = root.kind else {
            bail!("the root of the image is not a directory");
        };
        let staging = Self {
            image,
            root,
            target: target.try_clone()?,
            made: None,
        };
        staging.clean()?;
        Ok(staging)
    }

    /// The directory, which is made if there is none.
    pub(super) fn open(&mut self) -> Result<BorrowedFd<'_>> {
        if self.made.is_none() {
            let made = self.make();
            self.made = Some(made.context("cannot create a directory for hard links")?);
        }
        let made = self.made.as_ref().map(|(_, directory)| directory.as_fd());
        made.context("no directory for hard links")
    }

    fn make(&self) -> Result<(String, OwnedFd)> {
        for _ in 0..ATTEMPTS {
            let name = format!(
                "{PREFIX}{:016x}",
                RandomState::new().build_hasher().finish()
            );
            if self.image.lookup(&self.root, name.as_bytes())?.is_some() {
                continue;
            }
            match mkdirat(&self.target, name.as_str(), Mode::RWXU) {
                Err(Errno::EXIST) => continue,
                made => made?,
            }
            // Until it is locked, another extraction may remove it.
            match lock(&self.target, &name) {
                Ok(directory) => return Ok((name, directory)),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no free name was found");
    }

    /// Removes the directory and the files in it.
    pub(super) fn remove(&mut self) -> Result<()> {
        let Some((name, directory)) = self.made.take() else {
            return Ok(());
        };
        for file in names(directory.as_fd())? {
            unlinkat(&directory, &*file, AtFlags::empty())
                .context("cannot remove a file for hard links")?;
        }
        unlinkat(&self.target, name, AtFlags::REMOVEDIR)
            .context("cannot remove the directory for hard links")
    }

    /// Removes the directories of killed extractions, but none that the image has.
    fn clean(&self) -> Result<()> {
        for name in names(self.target.as_fd())? {
            if is_staging(&name) && self.image.lookup(&self.root, &name)?.is_none() {
                let shown = String::from_utf8_lossy(&name).into_owned();
                self.clean_one(&shown).with_context(|| {
                    format!("cannot remove {shown}, which a killed extraction has left")
                })?;
            }
        }
        Ok(())
    }

    fn clean_one(&self, name: &str) -> Result<(), Errno> {
        let directory = match lock(&self.target, name) {
            Ok(directory) => directory,
            // It is in use, or is not what its name says.
            Err(Errno::WOULDBLOCK | Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        };
        let files = names(directory.as_fd())?;
        let is_number = |file: &Vec<u8>| file.iter().all(u8::is_ascii_digit);
        if fstat(&directory)?.st_uid != geteuid().as_raw() || !files.iter().all(is_number) {
            return Ok(());
        }
        for file in files {
            unlinkat(&directory, &*file, AtFlags::empty())?;
        }
        unlinkat(&self.target, name, AtFlags::REMOVEDIR)
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // Reached after an error, which is reported instead.
        let _ = self.remove();
    }
}

/// Returns true if a name is one of these directories.
pub(super) fn is_staging(name: &[u8]) -> bool {
    let digits = name.strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Opens a directory and locks it. `NOENT` if its name was removed meanwhile.
fn lock(target: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(target, name, flags, Mode::empty())?;
    // Some network file systems have no locks, which is not an error.
    if flock(&directory, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Err(Errno::WOULDBLOCK);
    }
    let (ours, named) = (
        fstat(&directory)?,
        statat(target, name, AtFlags::SYMLINK_NOFOLLOW)?,
    );
    if (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino) {
        Ok(directory)
    } else {
        Err(Errno::NOENT)
    }
}

/// The names in a directory.
fn names(directory: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let entries = Dir::read_from(directory)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_bytes().to_vec()));
    names
        .filter(|name| !matches!(name.as_deref(), Ok(b"." | b"..")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_form_are_taken_for_remains() {
        assert!(is_staging(b".daxfs-fsck.0123456789abcdef"));
        for name in [
            &b".daxfs-fsck"[..],
            b".daxfs-fsck.",
            b".daxfs-fsck.1234",
            b".daxfs-fsck.0123456789abcdeg",
            b".daxfs-fsck.0123456789abcdef0",
            b"daxfs-fsck.0123456789abcdef",
        ] {
            assert!(!is_staging(name));
        }
    }
}
