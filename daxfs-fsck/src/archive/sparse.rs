// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files with holes, in version 1.0 of GNU tar's form for pax archives.
//!
//! The contents begin with a map: the number of parts, and offset and length of each, in decimal
//! lines. Blocks of data follow. Readers take each part from a new block, so every part but the last
//! one is a whole number of blocks.

use anyhow::Result;
use daxfs_image::format::{FileData, Inode};
use daxfs_image::FileImage;

use super::header::{Records, BLOCK};

/// The parts of a sparse file that an archive holds.
#[derive(Debug)]
pub(super) struct Map {
    /// The start and end of each.
    pub(super) parts: Vec<(u64, u64)>,
    /// The map as it begins the contents.
    pub(super) text: Vec<u8>,
}

impl Map {
    /// The map of a file.
    pub(super) fn of(image: &FileImage, data: &FileData, inode: &Inode) -> Result<Self> {
        let mut parts: Vec<(u64, u64)> = Vec::new();
        let mut walk = image.segments(data, inode.size, 0)?;
        while let Some(segment) = image.next_segment(&mut walk)? {
            if segment.data.is_some() {
                push(&mut parts, (segment.start, segment.end), inode.size);
            }
        }
        let text = text(&parts, inode.size);
        Ok(Self { parts, text })
    }

    /// The length of the contents in the archive.
    pub(super) fn size(&self) -> u64 {
        let text = u64::try_from(self.text.len()).unwrap_or(u64::MAX);
        let parts = self.parts.iter().map(|(start, end)| end - start);
        parts.fold(text, u64::saturating_add)
    }
}

/// Adds a part. Its end moves to that of its block, or to that of the file.
fn push(parts: &mut Vec<(u64, u64)>, (start, end): (u64, u64), size: u64) {
    let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    match parts.last_mut().filter(|(_, before)| *before >= start) {
        Some((first, before)) => *before = rounded(*first, end, block).min(size),
        None => parts.push((start, rounded(start, end, block).min(size))),
    }
}

/// The end of a part of whole blocks.
fn rounded(start: u64, end: u64, block: u64) -> u64 {
    let length = (end - start).checked_next_multiple_of(block);
    length.map_or(u64::MAX, |length| start.saturating_add(length))
}

/// The map as it is written, in whole blocks. A hole at the end is an empty part.
fn text(parts: &[(u64, u64)], size: u64) -> Vec<u8> {
    let end = parts.last().map_or(0, |&(_, end)| end);
    let hole = (end != size).then_some((size, size));
    let parts = parts.iter().chain(&hole);
    let mut text = format!("{}\n", parts.clone().count());
    for (start, end) in parts {
        text += &format!("{start}\n{}\n", end - start);
    }
    let mut text = text.into_bytes();
    text.resize(text.len().next_multiple_of(BLOCK), 0);
    text
}

/// The records of a sparse file of `size` bytes.
pub(super) fn records(path: &[u8], size: u64) -> Records {
    let mut records = Records::default();
    records.push(b"GNU.sparse.major", b"1");
    records.push(b"GNU.sparse.minor", b"0");
    records.push(b"GNU.sparse.name", path);
    records.push(b"GNU.sparse.realsize", size.to_string().as_bytes());
    records
}

/// The path of a sparse file for programs that do not know the records.
pub(super) fn stand_in(path: &[u8]) -> Vec<u8> {
    let name = path
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |at| at + 1);
    let (directory, name) = path.split_at(name);
    [directory, b"GNUSparseFile.0/", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_blocks_and_do_not_overlap() {
        let parts = |segments: &[(u64, u64)], size| {
            let mut parts = Vec::new();
            for &segment in segments {
                push(&mut parts, segment, size);
            }
            parts
        };
        assert_eq!(parts(&[(4096, 8192)], 9000), [(4096, 8192)]);
        assert_eq!(
            parts(&[(0, 100), (4096, 5000)], 5000),
            [(0, 512), (4096, 5000)]
        );
        assert_eq!(
            parts(&[(0, 100), (200, 600), (700, 701)], 9000),
            [(0, 1024)]
        );
        assert_eq!(parts(&[(100, 101), (612, 613)], 2000), [(100, 1124)]);
    }

    #[test]
    fn a_hole_at_the_end_is_an_empty_part() {
        let shown = |parts: &[(u64, u64)], size| {
            let text = text(parts, size);
            assert_eq!(text.len() % BLOCK, 0);
            let text = String::from_utf8(text).unwrap();
            text.trim_end_matches('\0').replace('\n', " ")
        };
        assert_eq!(shown(&[(0, 512)], 512), "1 0 512 ");
        assert_eq!(shown(&[(0, 512)], 9000), "2 0 512 9000 0 ");
        assert_eq!(shown(&[], 9000), "1 9000 0 ");
    }

    #[test]
    fn the_stand_in_lies_in_the_same_directory() {
        assert_eq!(stand_in(b"a/b"), b"a/GNUSparseFile.0/b");
        assert_eq!(stand_in(b"b"), b"GNUSparseFile.0/b");
    }
}
