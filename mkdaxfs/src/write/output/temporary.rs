// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random names of incomplete images, and their removal.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{openat, Mode, OFlags};

use crate::error::{Error, Result};
use crate::pool::lock;

/// The incomplete images that have a name.
static LEFTOVERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the incomplete images of this process.
pub(crate) fn remove_leftovers() {
    for path in lock(&LEFTOVERS).drain(..) {
        // The process ends; an error cannot be reported any more.
        let _ = fs::remove_file(path);
    }
}

/// A random name. A file of that name is removed when the value is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    name: OsString,
    path: PathBuf,
}

impl Temporary {
    /// Reserves a name in the directory at `path`.
    pub(super) fn reserve(path: &Path) -> Self {
        let random = RandomState::new().build_hasher().finish();
        let name = OsString::from(format!(".mkdaxfs.{random:016x}"));
        let path = path.join(&name);
        lock(&LEFTOVERS).push(path.clone());
        Self { name, path }
    }

    /// Creates a file with a random name in a directory, which has this path.
    pub(super) fn create(
        directory: &OwnedFd,
        path: &Path,
        action: &'static str,
    ) -> Result<(File, Self)> {
        let temporary = Self::reserve(path);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o644);
        let file =
            openat(directory, &temporary.name, flags, mode).map_err(Error::io(action, path))?;
        Ok((file.into(), temporary))
    }

    /// The name in its directory.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename no file has this name. Otherwise a failure has been reported already.
        let _ = fs::remove_file(&self.path);
        lock(&LEFTOVERS).retain(|path| *path != self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::ffi::OsStrExt as _;

    #[test]
    fn a_file_with_a_temporary_name_is_listed_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let open = openat(CWD, dir.path(), flags, Mode::empty()).unwrap();
        let (_, temporary) = Temporary::create(&open, dir.path(), "create").unwrap();
        assert!(lock(&LEFTOVERS).contains(&temporary.path));
        assert!(temporary.name().as_bytes().starts_with(b".mkdaxfs."));
        let path = temporary.path.clone();
        assert!(path.exists());
        drop(temporary);
        assert!(!path.exists());
        assert!(!lock(&LEFTOVERS).contains(&path));
    }
}
