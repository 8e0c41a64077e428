// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sources: where a tree and its contents come from.
//!
//! [`Source`] is the seam. A build scans its source into a [`Tree`], plans the image from the tree
//! alone, and reads contents through readers. Nothing behind the seam is visible above it: files are
//! named by [`NodeId`], never by paths, descriptors or device numbers.
//!
//! | module | owns |
//! |---|---|
//! | `directory` | the source that is a directory of a mounted file system |
//! | `pretending` | fakeroot and programs like it |
//! | `problems` | files that cannot be read |
//! | `joined` | several sources, each at a path of its own |
//! | `exclude` | the patterns of files to leave out, which match paths of any source |
//!
//! # A trait, not an enum
//! Sources differ in what they hold (descriptors, an archive's index, spooled contents) and have no
//! operation in common but these, so an enum would repeat each of them once per variant. With a
//! trait a test can bring a tree from memory, and a source made of others (`joined`) is one more
//! implementation. The trait is used as an object: calls are made once
//! per thread, once per file and once per buffer of contents, beside system calls that cost
//! thousands of times as much.
//!
//! # Rules for a source
//! - `scan` adds all nodes to a [`TreeBuilder`] and returns its own root. It adds the root first,
//!   and the builder may hold nodes of other sources already.
//! - The tree depends on the contents of the source only, not on the order or time of its answers.
//! - Every file respects [`limits`](crate::tree::limits).
//! - Contents are read at any offset, by several threads, in any order, and more than once. A
//!   source that is a stream keeps contents in a file of its own.
//! - A source that can change during a build notices it, and reports an error that names the file:
//!   in [`OpenFile::verify`] for files with bytes, in [`Source::recheck`] for everything else.
//!   Changes that the build makes itself ([`OwnDirectory`](crate::own::OwnDirectory)) do not count.
//!
//! # Adding a source
//! A source is one more implementation of [`Source`], in a module beside `directory`. Only the
//! function [`build`](crate::build()) names the directory; the steps after it take any source.

pub(crate) mod directory;
pub(crate) mod exclude;
pub(crate) mod joined;
pub(crate) mod pretending;
pub(crate) mod problems;

use std::ops::Range;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::tree::builder::TreeBuilder;
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// A source of a tree and of the contents of its regular files.
pub(crate) trait Source: Sync {
    /// Adds the source's files to `tree`, with all their metadata, and returns the root of them.
    ///
    /// # Errors
    /// When something cannot be read, or exceeds a limit of the format.
    fn scan(&mut self, tree: &mut TreeBuilder, observer: &dyn Observer) -> Result<NodeId>;

    /// A reader of contents. Each thread has its own.
    fn reader<'a>(&'a self, tree: &'a Tree) -> Box<dyn Reader<'a> + 'a>;

    /// Checks that nothing has changed since the scan that has not been verified when it was read:
    /// every node without contents.
    ///
    /// # Errors
    /// When something has changed.
    fn recheck(&self, tree: &Tree, order: &[NodeId], observer: &dyn Observer) -> Result<()>;

    /// The files with contents that cannot be opened, for a message that names all of them.
    fn unreadable(&self, _tree: &Tree, _order: &[NodeId]) -> Vec<Error> {
        Vec::new()
    }

    /// The path of a node, for messages.
    fn path(&self, tree: &Tree, node: NodeId) -> PathBuf;
}

/// Opens regular files of a source, one after the other.
pub(crate) trait Reader<'a> {
    /// Opens a regular file.
    ///
    /// # Errors
    /// When it cannot be opened, or has vanished.
    fn open(&mut self, file: NodeId) -> Result<Box<dyn OpenFile + 'a>>;
}

/// A regular file that is being read. It does not depend on the reader that has opened it.
pub(crate) trait OpenFile {
    /// Fills `into` with bytes of the file from `offset` on.
    ///
    /// # Errors
    /// When the bytes cannot be read, or the file has changed.
    fn read(&self, into: &mut [u8], offset: u64) -> Result<()>;

    /// The next range from `from` on that may hold other bytes than zeros. All bytes before it
    /// surely are zeros; `None` if all bytes from `from` on are. It ends after `from`.
    ///
    /// This saves reading. It decides nothing: a source that knows no ranges returns all bytes.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn next_data(&self, from: u64) -> Result<Option<Range<u64>>> {
        Ok(Some(from..u64::MAX))
    }

    /// Checks that the file is as the scan has found it. Called when its bytes have been read.
    ///
    /// # Errors
    /// When it has changed.
    fn verify(&self) -> Result<()>;
}
