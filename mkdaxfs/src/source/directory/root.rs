// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory itself: its descriptor, its path, and the options of its scan.

use std::fs;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{openat, Mode, OFlags, CWD};

use super::open::{join, os};
use crate::error::{Error, Result};
use crate::options::{Boundary, Keep, Options, SourceSpec};
use crate::own::{FileKey, OwnDirectory};
use crate::source::exclude::Exclude;
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// A directory whose tree goes into an image.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(super) path: PathBuf,
    open: OwnedFd,
    pub(super) rules: Rules,
    /// The path that the directory has in the image, which patterns are compared with.
    pub(super) prefix: Vec<u8>,
    /// The node of the directory itself, when it has been scanned.
    pub(super) root: NodeId,
    /// The directory that the build itself changes, which may lie below this one.
    pub(super) own: OwnDirectory,
}

/// The options of a scan.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) exclude: Exclude,
    pub(super) boundary: Boundary,
    pub(super) xattrs: Keep,
    pub(super) hard_links: Keep,
    pub(super) threads: NonZeroUsize,
    /// The image that is about to be replaced, which is left out.
    pub(super) image: Option<FileKey>,
}

impl Directory {
    /// Opens one of the directories that the options name, for a build that changes the directory
    /// `own`.
    ///
    /// # Errors
    /// When it cannot be opened, or a pattern is malformed.
    pub(crate) fn open(spec: &SourceSpec, options: &Options, own: OwnDirectory) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = spec.path.clone();
        let open = openat(CWD, &path, flags, Mode::empty())
            .map_err(Error::io("open the directory", &path))?;
        Ok(Self {
            path,
            open,
            rules: Rules::of(options)?,
            prefix: spec.prefix.clone(),
            root: NodeId::ROOT,
            own,
        })
    }

    /// The open directory.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }

    /// The path in the image of a file below the directory.
    pub(super) fn path_in_image(&self, below: &[u8]) -> Vec<u8> {
        join(&self.prefix, below)
    }

    /// The path of a file below the directory, for messages.
    pub(super) fn full_path(&self, below: &[u8]) -> PathBuf {
        if below.is_empty() {
            return self.path.clone();
        }
        self.path.join(os(below))
    }

    /// The path of a node below the directory.
    pub(super) fn path_below(&self, tree: &Tree, node: NodeId) -> Vec<u8> {
        tree.path(self.root, node)
    }

    /// The path of a node, for messages.
    pub(super) fn path_of(&self, tree: &Tree, node: NodeId) -> PathBuf {
        self.full_path(&self.path_below(tree, node))
    }
}

impl Rules {
    fn of(options: &Options) -> Result<Self> {
        Ok(Self {
            exclude: Exclude::new(&options.exclude)?,
            boundary: options.boundary,
            xattrs: options.xattrs,
            hard_links: options.hard_links,
            threads: options.thread_count(),
            image: key_of(&options.image),
        })
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
