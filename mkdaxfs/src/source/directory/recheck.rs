// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last look at everything without contents: directories, symlinks, devices, empty files.
//!
//! Files with contents are compared with the scan when they have been read. Everything else is
//! looked at once more when all contents are copied: the status change time shows whether names,
//! targets, owners, permissions or extended attributes have changed since the scan.

use super::reader::DirectoryReader;
use super::root::Directory;
use crate::error::Result;
use crate::observer::Observer;
use crate::options::Unreadable;
use crate::pool;
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// Number of nodes that a thread takes at a time.
const NODES: usize = 1024;

/// Compares every node without contents with the scan, except the directory that the build itself
/// has changed, and directories in which only files have come or gone that are left out. Directories
/// that may change are reported.
///
/// # Errors
/// When something else has changed.
pub(super) fn recheck(
    directory: &Directory,
    tree: &Tree,
    order: &[NodeId],
    observer: &dyn Observer,
) -> Result<()> {
    let may_change = directory.rules.unreadable == Unreadable::LeaveOut;
    let verify = |reader: &mut DirectoryReader<'_>, id: NodeId| match reader.verify_closed(id) {
        Err(error) if tree.node(id).is_directory() => {
            if reader.has_names_of_scan(id) {
                return Ok(());
            }
            if may_change && error.is_of_reading() {
                observer.outdated(&error);
                return Ok(());
            }
            Err(error)
        }
        result => result,
    };
    let chunks: Vec<&[NodeId]> = order.chunks(NODES).collect();
    let state = || DirectoryReader::new(directory, tree);
    pool::each(directory.rules.threads, &chunks, state, |reader, nodes| {
        let unread = nodes.iter().filter(|&&id| !tree.node(id).has_contents());
        unread.copied().try_for_each(|id| verify(reader, id))
    })
}
