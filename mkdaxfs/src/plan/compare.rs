// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comparing large files, which share contents if they are equal. It precedes their placement.
//!
//! Only files of one size can be equal. Those whose first and last pages agree too are hashed as a
//! whole; so hardly a file is read twice that is not shared afterwards.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

use daxfs_format::Sha256 as _;
use daxfs_image::hash::Sha256;

use super::contents::Digest;
use super::extents::SparseFiles;
use super::inputs::Inputs;
use crate::error::Result;
use crate::num::{len64, to_usize};
use crate::pool::{self, lock};
use crate::source::{OpenFile, Reader};
use crate::tree::node::NodeId;

/// Number of bytes at either end of a file that are compared first.
const END: u64 = 4096;
/// Number of bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Results about large files that precede the copy.
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
pub(crate) fn compare(
    inputs: Inputs<'_>,
    files: &[NodeId],
    sparse: &SparseFiles,
) -> Result<Comparison> {
    let tree = inputs.tree;
    let is_dense = |file: &NodeId| sparse.extents(*file).is_none();
    let dense: Vec<NodeId> = files.iter().copied().filter(is_dense).collect();
    let candidates = repeated(&dense, |file| tree.size(file));
    let ends = hash_all(inputs, &candidates, Part::Ends)?;
    let candidates = repeated(&candidates, |file| {
        (tree.size(file), ends.get(&file).copied())
    });
    let digests = hash_all(inputs, &candidates, Part::Whole)?;
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

/// The files whose key another one has too, in their order.
fn repeated<K: std::hash::Hash + Eq>(files: &[NodeId], key: impl Fn(NodeId) -> K) -> Vec<NodeId> {
    let mut counts: HashMap<K, u32> = HashMap::new();
    for &file in files {
        *counts.entry(key(file)).or_default() += 1;
    }
    let is_repeated = |file: &NodeId| counts.get(&key(*file)).is_some_and(|&n| n > 1);
    files.iter().copied().filter(is_repeated).collect()
}

/// The part of a file that is hashed.
#[derive(Clone, Copy)]
enum Part {
    Ends,
    Whole,
}

impl Part {
    /// The ranges of a file of `size` bytes.
    fn ranges(self, size: u64) -> [Range<u64>; 2] {
        match self {
            Self::Ends => [0..END.min(size), size.saturating_sub(END)..size],
            Self::Whole => [0..size, size..size],
        }
    }
}

fn hash_all(inputs: Inputs<'_>, files: &[NodeId], part: Part) -> Result<HashMap<NodeId, Digest>> {
    if files.is_empty() {
        return Ok(HashMap::new());
    }
    let digests = Mutex::new(HashMap::with_capacity(files.len()));
    let threads = inputs.options.thread_count();
    let state = || (inputs.reader(), vec![0; CHUNK]);
    pool::each(threads, files, state, |(reader, buffer), &file| {
        let ranges = part.ranges(inputs.tree.size(file));
        let digest = hash_file(reader.as_mut(), file, ranges, buffer)?;
        lock(&digests).insert(file, digest);
        Ok(())
    })?;
    Ok(pool::into_inner(digests))
}

fn hash_file(
    reader: &mut dyn Reader<'_>,
    file: NodeId,
    ranges: [Range<u64>; 2],
    buffer: &mut [u8],
) -> Result<Digest> {
    let open = reader.open(file)?;
    let mut hash = Sha256::new();
    for range in ranges {
        hash_range(open.as_ref(), range, buffer, &mut hash)?;
    }
    open.verify()?;
    Ok(hash.finish())
}

fn hash_range(
    open: &dyn OpenFile,
    range: Range<u64>,
    buffer: &mut [u8],
    hash: &mut Sha256,
) -> Result<()> {
    let mut at = range.start;
    while at < range.end {
        let length = to_usize(range.end - at).min(buffer.len());
        let chunk = &mut buffer[..length];
        open.read(chunk, at)?;
        hash.update(chunk);
        at += len64(length);
    }
    Ok(())
}
