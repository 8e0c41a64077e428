// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values that every step of a build reads.

use crate::error::Error;
use crate::observer::Observer;
use crate::options::Options;
use crate::source::{Reader, Source};
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// Options, observer, and the source with the tree that its scan has found.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) options: &'a Options,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) source: &'a dyn Source,
    pub(crate) tree: &'a Tree,
}

impl<'a> Inputs<'a> {
    /// A reader of contents. Each thread has its own.
    pub(crate) fn reader(self) -> Box<dyn Reader<'a> + 'a> {
        self.source.reader(self.tree)
    }

    /// The error for a file that exceeds a limit.
    pub(crate) fn limit(self, file: NodeId, limit: String) -> Error {
        Error::Limit {
            path: self.source.path(self.tree, file),
            limit,
        }
    }
}
