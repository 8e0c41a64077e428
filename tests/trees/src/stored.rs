// SPDX-License-Identifier: MIT OR Apache-2.0
//! The byte ranges of a file that an image stores, as the builder's rule for holes in
//! `docs/design.md` defines them.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Result;

/// Number of bytes of a block. The last block of a file may be shorter.
const BLOCK: u64 = 64 << 10;
/// Number of blocks whose zeros are weighed together.
const STRETCH: usize = 32;

/// A block of a file.
struct Block {
    start: u64,
    end: u64,
    is_hole: bool,
}

/// The ranges of a file of `size` bytes that are not holes in an image: start and end.
///
/// # Errors
/// When the file cannot be read.
pub fn ranges(file: &File, size: u64) -> Result<Vec<(u64, u64)>> {
    if size <= 4 * BLOCK {
        return Ok(whole(size));
    }
    let mut blocks = Vec::new();
    let mut buffer = vec![0; usize::try_from(BLOCK)?];
    for start in (0..size).step_by(usize::try_from(BLOCK)?) {
        let end = size.min(start + BLOCK);
        let bytes = buffer.get_mut(..usize::try_from(end - start)?);
        let bytes = bytes.unwrap_or_default();
        file.read_exact_at(bytes, start)?;
        let is_hole = bytes.iter().all(|&byte| byte == 0);
        blocks.push(Block {
            start,
            end,
            is_hole,
        });
    }
    for stretch in blocks.chunks_mut(STRETCH) {
        if !is_worth_holes(stretch) {
            stretch.iter_mut().for_each(|block| block.is_hole = false);
        }
    }
    if !is_worth_holes(&blocks) {
        return Ok(whole(size));
    }
    Ok(joined(&blocks))
}

fn whole(size: u64) -> Vec<(u64, u64)> {
    Vec::from_iter((size != 0).then_some((0, size)))
}

/// Returns true if at least a quarter of the blocks' bytes are holes.
fn is_worth_holes(blocks: &[Block]) -> bool {
    let length = |block: &Block| block.end - block.start;
    let holes = blocks.iter().filter(|block| block.is_hole).map(length);
    4 * holes.sum::<u64>() >= blocks.iter().map(length).sum()
}

fn joined(blocks: &[Block]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for block in blocks.iter().filter(|block| !block.is_hole) {
        match ranges.last_mut() {
            Some(last) if last.1 == block.start => last.1 = block.end,
            _ => ranges.push((block.start, block.end)),
        }
    }
    ranges
}
