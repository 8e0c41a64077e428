// SPDX-License-Identifier: MIT OR Apache-2.0
//! The least cost of building or verifying an image on this machine.
//!
//! An image with content digests has to read every byte, hash it, and write it once. The floor
//! does this and nothing else: the list of files is given, each goes through a buffer that fits
//! the processor's caches, and the work is spread over all processors.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::tree::record::{Kind, Record};

/// Size of the buffer of each processor.
const BUFFER: usize = 64 * 1024;

/// The part of the work that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Read and write.
    Copy,
    /// Read and hash.
    Hash,
    /// Read, hash and write.
    CopyAndHash,
}

/// One file to be read, and the offset of its bytes in the output.
struct Item {
    path: PathBuf,
    offset: u64,
}

/// Runs the work over the regular files of the tree at `source` and returns its wall time.
///
/// # Errors
/// When a file cannot be read, or `output` cannot be written.
pub(super) fn run(
    source: &Path,
    records: &[Record],
    output: &Path,
    work: Work,
) -> Result<Duration> {
    let (items, size) = items(source, records);
    let start = Instant::now();
    let target = File::create(output)?;
    target.set_len(size)?;
    items.par_iter().try_for_each_init(
        || vec![0; BUFFER],
        |buffer, item| {
            process(item, &target, work, buffer)
                .with_context(|| format!("cannot process {}", item.path.display()))
        },
    )?;
    Ok(start.elapsed())
}

/// Returns each file once, in the order of the tree, at offsets without gaps.
fn items(source: &Path, records: &[Record]) -> (Vec<Item>, u64) {
    let mut offset = 0;
    let mut items = Vec::new();
    for record in records {
        if record.kind == Kind::Regular && record.first_link == record.path {
            items.push(Item {
                path: source.join(&record.path),
                offset,
            });
            offset += record.size;
        }
    }
    (items, offset)
}

fn process(item: &Item, target: &File, work: Work, buffer: &mut [u8]) -> Result<()> {
    let mut file = File::open(&item.path)?;
    let mut hasher = Sha256::new();
    let mut offset = item.offset;
    loop {
        let count = file.read(buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        if work != Work::Copy {
            hasher.update(chunk);
        }
        if work != Work::Hash {
            target.write_all_at(chunk, offset)?;
        }
        offset += u64::try_from(count)?;
    }
    std::hint::black_box(hasher.finalize());
    Ok(())
}

/// Hashes the file at `path` in parts on all processors and returns the wall time.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn hash_file(path: &Path) -> Result<Duration> {
    const CHUNK: u64 = 4 * 1024 * 1024;
    let start = Instant::now();
    let file = File::open(path)?;
    let chunks = file.metadata()?.len().div_ceil(CHUNK);
    (0..chunks).into_par_iter().try_for_each_init(
        || vec![0; BUFFER],
        |buffer, index| hash_chunk(&file, index * CHUNK, CHUNK, buffer),
    )?;
    Ok(start.elapsed())
}

fn hash_chunk(file: &File, start: u64, length: u64, buffer: &mut [u8]) -> Result<()> {
    let mut hasher = Sha256::new();
    let mut offset = start;
    while offset < start + length {
        let count = file.read_at(buffer, offset)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        hasher.update(chunk);
        offset += u64::try_from(count)?;
    }
    std::hint::black_box(hasher.finalize());
    Ok(())
}
