// SPDX-License-Identifier: MIT OR Apache-2.0
//! The source that is a directory: a tree of mounted file systems, read through system calls.
//!
//! Everything is opened relative to descriptors, without following symlinks. A file is known again
//! by its status: the status change time covers owners, permissions, attributes and names.
//!
//! | module | owns |
//! |---|---|
//! | `root` | the directory itself, and the options of its scan |
//! | `scan` | the scan: threads that list one directory after the other |
//! | `lister` | one directory: reading its names and the metadata of its files |
//! | `listing` | the result of that, in the order of the format |
//! | `xattrs` | reading extended attributes |
//! | `reader` | reading contents, and comparing with the scan |
//! | `recheck` | the last look at everything without contents |
//! | `way` | the way to a directory, at any depth |
//! | `open` | opening directories at any depth, the status of a file |
//! | `calls` | the calls to the system |

pub(crate) mod calls;
mod lister;
mod listing;
mod open;
mod reader;
mod recheck;
mod root;
mod scan;
mod way;
mod xattrs;

use std::path::PathBuf;

pub(crate) use self::root::Directory;

use self::reader::DirectoryReader;
use super::{Reader, Source};
use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::tree::builder::TreeBuilder;
use crate::tree::node::NodeId;
use crate::tree::Tree;

impl Source for Directory {
    fn scan(&mut self, tree: &mut TreeBuilder, observer: &dyn Observer) -> Result<NodeId> {
        self.root = scan::scan(self, tree, observer)?;
        Ok(self.root)
    }

    fn reader<'a>(&'a self, tree: &'a Tree) -> Box<dyn Reader<'a> + 'a> {
        Box::new(DirectoryReader::new(self, tree))
    }

    fn recheck(&self, tree: &Tree, order: &[NodeId], observer: &dyn Observer) -> Result<()> {
        recheck::recheck(self, tree, order, observer)
    }

    fn unreadable(&self, tree: &Tree, order: &[NodeId]) -> Vec<Error> {
        let mut reader = DirectoryReader::new(self, tree);
        let files = order.iter().filter(|&&id| tree.node(id).has_contents());
        files.filter_map(|&file| reader.open(file).err()).collect()
    }

    fn path(&self, tree: &Tree, node: NodeId) -> PathBuf {
        self.path_of(tree, node)
    }
}
