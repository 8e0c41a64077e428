// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last look at everything without contents: directories, symlinks, devices, empty files.
//!
//! Files with contents are compared with the scan when they have been read. Everything else is
//! looked at once more when all contents are copied: the status change time shows whether names,
//! targets, owners, permissions or extended attributes have changed since the scan.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::reader::DirectoryReader;
use super::root::Directory;
use crate::error::Result;
use crate::pool;
use crate::source::FileKey;
use crate::tree::node::NodeId;
use crate::tree::Tree;

/// Number of nodes that a thread takes at a time.
const NODES: usize = 1024;

/// Compares every node without contents with the scan. `own` has been changed by the build.
///
/// # Errors
/// When something has changed.
pub(super) fn recheck(
    directory: &Directory,
    tree: &Tree,
    order: &[NodeId],
    own: Option<FileKey>,
) -> Result<()> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut reader = DirectoryReader::new(directory, tree);
        while let Some(nodes) = order
            .chunks(NODES)
            .nth(next.fetch_add(1, Ordering::Relaxed))
        {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let unread = nodes.iter().filter(|&&id| !tree.node(id).has_contents());
            for &id in unread {
                reader.verify_closed(id, own)?;
            }
        }
        Ok(())
    };
    pool::run(directory.rules.threads, work, || {
        stopped.store(true, Ordering::Relaxed);
    })
}
