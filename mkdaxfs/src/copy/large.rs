// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying one large or sparse file to its place.

use daxfs_format::digest::extent_header;
use daxfs_format::{Extent, Sha256 as _};
use daxfs_image::hash::Sha256;

use super::Job;
use crate::contents::{self, Digest};
use crate::error::Result;
use crate::num::{index, len64, round_up};
use crate::source::Reader;
use crate::tree::{NodeId, NodeKind, Piece};

/// A file that has its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeFile {
    pub(crate) file: NodeId,
    /// Where it goes, in bytes from the start of the image.
    pub(crate) place: u64,
    /// Its content, an index from 1.
    pub(crate) content: u32,
    /// Its digest, if it has been hashed already.
    pub(crate) digest: Option<Digest>,
}

/// The digest that a content turned out to have.
pub(crate) type Copied = (u32, Digest);

/// Copies a file through `buffer`, and hashes it on the way.
pub(super) fn copy(
    job: &Job<'_>,
    reader: &mut Reader<'_>,
    large: &LargeFile,
    buffer: &mut [u8],
) -> Result<Copied> {
    let node = job.tree.node(large.file);
    let whole = [(0, node.status.size)];
    let pieces = match node.kind {
        NodeKind::Regular { sparse } => job.tree.pieces(sparse),
        _ => None,
    };
    let hashed = large.digest.is_none() && contents::is_hashed(job.options);
    let mut copy = Copy {
        job,
        reader,
        file: large.file,
        hash: hashed.then(Sha256::new),
        place: large.place,
    };
    let open = copy.reader.open(large.file)?;
    if pieces.is_some() {
        copy.update(&node.status.size.to_le_bytes());
    }
    for &(offset, length) in pieces.unwrap_or(&whole) {
        if pieces.is_some() {
            copy.update(&extent_header(&Extent {
                file_offset: offset,
                offset: 0,
                length,
            }));
        }
        copy.piece(&open, (offset, length), buffer)?;
    }
    copy.reader.verify(large.file, &open)?;
    let digest = copy.hash.map(Sha256::finish);
    Ok((large.content, large.digest.or(digest).unwrap_or_default()))
}

struct Copy<'a, 'r> {
    job: &'a Job<'a>,
    reader: &'a mut Reader<'r>,
    file: NodeId,
    hash: Option<Sha256>,
    /// Where the next piece goes.
    place: u64,
}

impl Copy<'_, '_> {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
    }

    fn piece(&mut self, open: &std::fs::File, piece: Piece, buffer: &mut [u8]) -> Result<()> {
        let (mut offset, length) = piece;
        let (end, mut place) = (offset + length, self.place);
        while offset < end {
            let count = index(end - offset).min(buffer.len());
            let chunk = &mut buffer[..count];
            self.reader.read(self.file, open, chunk, offset)?;
            if let Some(hash) = &mut self.hash {
                hash.update(chunk);
            }
            self.job.output.write(chunk, place)?;
            self.job.observer.advance(len64(count));
            offset += len64(count);
            place += len64(count);
        }
        self.place = round_up(place, self.job.options.page.bytes());
        Ok(())
    }
}
