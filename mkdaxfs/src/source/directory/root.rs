// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory itself: its descriptor, its path, and the options of its scan.

use std::collections::HashSet;
use std::fs;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daxfs_format::FileType;
use rustix::fs::CWD;

use super::calls::{Calls, System};
use super::open::{join, os};
use crate::error::{Error, Result};
use crate::observer::LeftOut;
use crate::options::{Boundary, Keep, Options, SourceSpec, Unreadable};
use crate::own::{FileKey, OwnDirectory};
use crate::source::exclude::Exclude;
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// A directory whose tree goes into an image.
pub(crate) struct Directory {
    pub(super) path: PathBuf,
    calls: Box<dyn Calls>,
    open: OwnedFd,
    pub(super) rules: Rules,
    /// The path that the directory has in the image, which patterns are compared with.
    pub(super) prefix: Vec<u8>,
    /// The paths of files that an earlier build could not read.
    unreadable: HashSet<PathBuf>,
    /// The node of the directory itself, when it has been scanned.
    pub(super) root: NodeId,
    /// The directory that the build itself changes, which may lie below this one.
    pub(super) own: OwnDirectory,
}

/// The options of a scan.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) exclude: Arc<Exclude>,
    pub(super) boundary: Boundary,
    pub(super) xattrs: Keep,
    pub(super) hard_links: Keep,
    pub(super) unreadable: Unreadable,
    pub(super) threads: NonZeroUsize,
    /// The image that is about to be replaced, which is left out.
    pub(super) image: Option<FileKey>,
}

impl Directory {
    /// Opens one of the directories that the options name, for a build that changes the directory
    /// `own` and leaves out what `exclude` matches.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(
        spec: &SourceSpec,
        options: &Options,
        own: OwnDirectory,
        exclude: Arc<Exclude>,
    ) -> Result<Self> {
        Self::open_with(spec, options, (own, exclude), Box::new(System))
    }

    /// Opens a directory, and reads it by these calls.
    pub(crate) fn open_with(
        spec: &SourceSpec,
        options: &Options,
        (own, exclude): (OwnDirectory, Arc<Exclude>),
        calls: Box<dyn Calls>,
    ) -> Result<Self> {
        let path = spec.path.clone();
        let open = calls
            .open_source(CWD, path.as_os_str().as_bytes())
            .map_err(Error::io("open the directory", &path))?;
        Ok(Self {
            path,
            calls,
            open,
            unreadable: HashSet::new(),
            rules: Rules::of(options, exclude),
            prefix: spec.prefix.clone(),
            root: NodeId::ROOT,
            own,
        })
    }

    /// States files that an earlier build of the same sources could not read. They are left out.
    pub(crate) fn leave_out(&mut self, unreadable: &HashSet<PathBuf>) {
        self.unreadable.clone_from(unreadable);
    }

    /// The reason why a file is left out, whatever it is on.
    pub(super) fn left_out(
        &self,
        parent: &[u8],
        name: &[u8],
        key: FileKey,
        file_type: FileType,
    ) -> Option<LeftOut> {
        if self.excludes(parent, name, file_type) {
            return Some(LeftOut::Excluded);
        }
        if self.was_unreadable(parent, name) {
            return Some(LeftOut::Unreadable);
        }
        (self.rules.image == Some(key)).then_some(LeftOut::Image)
    }

    /// Returns true if an earlier build could not read a file.
    fn was_unreadable(&self, parent: &[u8], name: &[u8]) -> bool {
        !self.unreadable.is_empty()
            && self
                .unreadable
                .contains(&self.full_path(&join(parent, name)))
    }

    /// Returns true if a pattern leaves out a file.
    pub(super) fn excludes(&self, parent: &[u8], name: &[u8], file_type: FileType) -> bool {
        if self.rules.exclude.is_empty() {
            return false;
        }
        let path = join(&self.prefix, &join(parent, name));
        self.rules.exclude.matches(&path, file_type)
    }

    /// The calls to the system.
    pub(super) fn calls(&self) -> &dyn Calls {
        &*self.calls
    }

    /// The open directory.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }

    /// The path of a file below the directory, for messages.
    pub(super) fn full_path(&self, below: &[u8]) -> PathBuf {
        if below.is_empty() {
            return self.path.clone();
        }
        self.path.join(os(below))
    }

    /// The path of a node, for messages.
    pub(super) fn path_of(&self, tree: &Tree, node: NodeId) -> PathBuf {
        self.full_path(&tree.path(self.root, node))
    }
}

impl Rules {
    fn of(options: &Options, exclude: Arc<Exclude>) -> Self {
        Self {
            exclude,
            boundary: options.boundary,
            xattrs: options.xattrs,
            hard_links: options.hard_links,
            unreadable: options.unreadable,
            threads: options.thread_count(),
            image: key_of(&options.image),
        }
    }
}

/// The key of the regular file that a path names.
fn key_of(path: &Path) -> Option<FileKey> {
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then(|| FileKey {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}
