// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which large files are equal. They must be compared before they are placed.
//!
//! Only files of one size are. Those whose first and last pages agree too are hashed as a whole; so
//! hardly a file is read twice that is not shared afterwards.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Mutex;

use daxfs_format::Sha256 as _;
use daxfs_image::hash::Sha256;

use crate::contents::Digest;
use crate::copy::Job;
use crate::error::Result;
use crate::num::index;
use crate::pool::{self, lock};
use crate::source::Reader;
use crate::tree::{NodeId, NodeKind};

/// How much of the beginning and of the end is compared first, in bytes.
const END: u64 = 4096;
/// How much is read at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// What is known of large files before they are copied.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// The digests of the files that were hashed.
    pub(crate) digests: HashMap<NodeId, Digest>,
    /// The earlier file that a file is equal to.
    pub(crate) same: HashMap<NodeId, NodeId>,
}

/// Compares files, which come in the order of inodes.
///
/// # Errors
/// When a file cannot be read, or has changed.
pub(crate) fn compare(job: &Job<'_>, files: &[NodeId]) -> Result<Comparison> {
    let size = |file: NodeId| job.tree.node(file).status.size;
    let dense: Vec<NodeId> = files
        .iter()
        .copied()
        .filter(|&file| is_dense(job, file))
        .collect();
    let candidates = repeated(&dense, size);
    let ends = hash_all(job, &candidates, Extent::Ends)?;
    let candidates = repeated(&candidates, |file| (size(file), ends.get(&file).copied()));
    let digests = hash_all(job, &candidates, Extent::Whole)?;
    let mut first = HashMap::new();
    let mut same = HashMap::new();
    for &file in &candidates {
        let original = *first.entry(digests.get(&file).copied()).or_insert(file);
        if original != file {
            same.insert(file, original);
        }
    }
    Ok(Comparison { digests, same })
}

fn is_dense(job: &Job<'_>, file: NodeId) -> bool {
    matches!(job.tree.node(file).kind, NodeKind::Regular { sparse: 0 })
}

/// The files whose key another one has too, in their order.
fn repeated<K: std::hash::Hash + Eq>(files: &[NodeId], key: impl Fn(NodeId) -> K) -> Vec<NodeId> {
    let mut counts: HashMap<K, u32> = HashMap::new();
    for &file in files {
        *counts.entry(key(file)).or_default() += 1;
    }
    files
        .iter()
        .copied()
        .filter(|&file| counts.get(&key(file)).is_some_and(|&n| n > 1))
        .collect()
}

/// What of a file is hashed.
#[derive(Clone, Copy)]
enum Extent {
    Ends,
    Whole,
}

fn hash_all(job: &Job<'_>, files: &[NodeId], extent: Extent) -> Result<HashMap<NodeId, Digest>> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let digests = Mutex::new(HashMap::with_capacity(files.len()));
    let work = || {
        let mut reader = job.reader();
        let mut buffer = vec![0; CHUNK];
        while let Some(&file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let digest = hash_file(job, &mut reader, file, extent, &mut buffer)?;
            lock(&digests).insert(file, digest);
        }
        Ok(())
    };
    if !files.is_empty() {
        pool::run(job.options.thread_count(), work, || {
            stopped.store(true, Ordering::Relaxed);
        })?;
    }
    Ok(pool::into_inner(digests))
}

fn hash_file(
    job: &Job<'_>,
    reader: &mut Reader<'_>,
    file: NodeId,
    extent: Extent,
    buffer: &mut [u8],
) -> Result<Digest> {
    let size = job.tree.node(file).status.size;
    let open = reader.open(file)?;
    let mut hash = Sha256::new();
    let mut take =
        |start: u64, end: u64| hash_range(reader, (file, &open), start..end, buffer, &mut hash);
    match extent {
        Extent::Ends => {
            take(0, END.min(size))?;
            take(size.saturating_sub(END), size)?;
        }
        Extent::Whole => take(0, size)?,
    }
    reader.verify(file, &open)?;
    Ok(hash.finish())
}

fn hash_range(
    reader: &Reader<'_>,
    (file, open): (NodeId, &File),
    range: std::ops::Range<u64>,
    buffer: &mut [u8],
    hash: &mut Sha256,
) -> Result<()> {
    let mut at = range.start;
    while at < range.end {
        let length = index(range.end - at).min(buffer.len());
        let chunk = &mut buffer[..length];
        reader.read(file, open, chunk, at)?;
        hash.update(chunk);
        at += crate::num::len64(length);
    }
    Ok(())
}
