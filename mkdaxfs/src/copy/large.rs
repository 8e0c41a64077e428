// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying large and sparse files to their places, a few at a time.

use std::fs::File;

use daxfs_format::content::extent_header;
use daxfs_format::{Extent, Sha256 as _};
use daxfs_image::hash::Sha256;

use super::Job;
use crate::contents::{self, Digest};
use crate::error::Result;
use crate::num::{index, len64};
use crate::source::Reader;
use crate::tree::{NodeId, NodeKind, Piece};

/// How many files a thread copies at a time: as many as are hashed faster together.
const FILES: usize = 4;

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

/// Copies files through `buffer`, and hashes them on the way, until there is no `next` one.
pub(super) fn copy<'a>(
    job: &Job<'a>,
    reader: &mut Reader<'_>,
    buffer: &mut [u8],
    next: impl Fn() -> Option<&'a LargeFile>,
    done: impl Fn(Copied),
) -> Result<()> {
    let chunk = buffer.len() / FILES;
    let mut copies: Vec<Copy<'_>> = Vec::with_capacity(FILES);
    loop {
        while let Some(large) = (copies.len() < FILES).then(&next).flatten() {
            copies.push(Copy::begin(job, reader, large)?);
        }
        if copies.is_empty() {
            return Ok(());
        }
        for (copy, chunk) in copies.iter_mut().zip(buffer.chunks_mut(chunk)) {
            copy.read(reader, chunk)?;
        }
        let chunks = copies.iter_mut().zip(buffer.chunks(chunk));
        let hashed = chunks.filter_map(|(copy, chunk)| {
            let bytes = &chunk[..copy.count];
            copy.hash.as_mut().map(|hash| (hash, bytes))
        });
        Sha256::update_all(hashed);
        for (copy, chunk) in copies.iter_mut().zip(buffer.chunks(chunk)) {
            copy.write(job, chunk)?;
        }
        for copy in copies.extract_if(.., |copy| copy.is_done()) {
            done(copy.finish(reader)?);
        }
    }
}

/// A file on its way.
struct Copy<'a> {
    large: &'a LargeFile,
    open: File,
    /// What is left of the piece that is being copied.
    piece: Piece,
    /// The pieces behind it.
    later: &'a [Piece],
    hash: Option<Sha256>,
    /// Where the next bytes go.
    place: u64,
    /// How many bytes of the file are in the buffer.
    count: usize,
}

impl<'a> Copy<'a> {
    fn begin(job: &Job<'a>, reader: &mut Reader<'_>, large: &'a LargeFile) -> Result<Self> {
        let node = job.tree.node(large.file);
        let pieces = match node.kind {
            NodeKind::Regular { sparse } => job.tree.pieces(sparse),
            _ => None,
        };
        let hashed = large.digest.is_none() && contents::is_hashed(job.options);
        let mut copy = Self {
            large,
            open: reader.open(large.file)?,
            piece: (0, node.status.size),
            later: &[],
            hash: hashed.then(Sha256::new),
            place: large.place,
            count: 0,
        };
        if let Some(pieces) = pieces {
            (copy.piece, copy.later) = ((0, 0), pieces);
            copy.update(&node.status.size.to_le_bytes());
        }
        Ok(copy)
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
    }

    /// Goes to the next piece if this one is over.
    fn next_piece(&mut self) {
        if let ((_, 0), Some((&piece, later))) = (self.piece, self.later.split_first()) {
            (self.piece, self.later) = (piece, later);
            self.update(&extent_header(&Extent {
                file_offset: piece.0,
                offset: 0,
                length: piece.1,
            }));
        }
    }

    /// Reads the next bytes, as many as there is room for.
    fn read(&mut self, reader: &Reader<'_>, chunk: &mut [u8]) -> Result<()> {
        self.next_piece();
        let (offset, length) = self.piece;
        self.count = index(length).min(chunk.len());
        let chunk = &mut chunk[..self.count];
        reader.read(self.large.file, &self.open, chunk, offset)
    }

    /// Writes the bytes that were read.
    fn write(&mut self, job: &Job<'_>, chunk: &[u8]) -> Result<()> {
        job.output.write(&chunk[..self.count], self.place)?;
        let count = len64(self.count);
        job.observer.advance(count);
        self.place += count;
        self.piece.0 += count;
        self.piece.1 -= count;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.piece.1 == 0 && self.later.is_empty()
    }

    fn finish(self, reader: &Reader<'_>) -> Result<Copied> {
        reader.verify(self.large.file, &self.open)?;
        let digest = self.hash.map(Sha256::finish);
        let digest = self.large.digest.or(digest).unwrap_or_default();
        Ok((self.large.content, digest))
    }
}
