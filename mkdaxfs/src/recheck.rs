// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last look at what is not read: directories, symlinks, devices, and files without bytes.
//!
//! Files with bytes are compared with the scan when they have been read. Everything else is looked
//! at once more when all contents are copied: the status change time tells whether names, targets,
//! owners, permissions or extended attributes have changed since the scan.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::copy::Job;
use crate::error::Result;
use crate::pool;
use crate::tree::{Node, NodeId, NodeKind};

/// How many nodes a thread takes at a time.
const NODES: usize = 1024;

/// Compares what is not read with what the scan has seen.
///
/// # Errors
/// When something has changed.
pub(crate) fn recheck(job: &Job<'_>, order: &[NodeId]) -> Result<()> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let mut reader = job.reader();
        while let Some(nodes) = order
            .chunks(NODES)
            .nth(next.fetch_add(1, Ordering::Relaxed))
        {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            for &id in nodes.iter().filter(|&&id| !is_read(job.tree.node(id))) {
                reader.verify_closed(id, job.output)?;
            }
        }
        Ok(())
    };
    pool::run(job.options.thread_count(), work, || {
        stopped.store(true, Ordering::Relaxed);
    })
}

/// Whether a file has been compared when its contents were read.
fn is_read(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Regular { .. }) && node.status.size != 0
}
