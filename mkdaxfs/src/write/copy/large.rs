// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copying large and sparse files to their offsets, a few at a time.

use daxfs_format::content::extent_header;
use daxfs_format::{Extent, Sha256 as _};
use daxfs_image::hash::Sha256;

use crate::error::Result;
use crate::num::{len64, to_usize};
use crate::plan::contents::{ContentIndex, Digest};
use crate::plan::extents::{DataExtent, SparseFiles};
use crate::plan::large::LargeFile;
use crate::plan::offset::ImageOffset;
use crate::source::{OpenFile, Reader};
use crate::write::job::Job;

/// Number of files that a thread copies at a time: as many as are hashed faster together.
const FILES: usize = 4;

/// A content with its digest.
pub(crate) type HashedContent = (ContentIndex, Digest);

/// Copies files through `buffer`, and hashes them on the way, until there is no `next` one.
pub(super) fn copy<'a>(
    (job, sparse): (Job<'a>, &'a SparseFiles),
    reader: &mut dyn Reader<'a>,
    buffer: &mut [u8],
    next: impl Fn() -> Option<&'a LargeFile>,
    done: impl Fn(HashedContent),
) -> Result<()> {
    let chunk = buffer.len() / FILES;
    let mut copies: Vec<Copy<'_>> = Vec::with_capacity(FILES);
    loop {
        while let Some(large) = (copies.len() < FILES).then(&next).flatten() {
            let extents = sparse.extents(large.file);
            copies.push(Copy::begin(job, reader, large, extents)?);
        }
        if copies.is_empty() {
            return Ok(());
        }
        copy_chunks(job, &mut copies, buffer, chunk)?;
        for copy in copies.extract_if(.., |copy| copy.is_done()) {
            done(copy.finish()?);
        }
    }
}

/// Reads, hashes and writes the next chunk of each file.
fn copy_chunks(
    job: Job<'_>,
    copies: &mut [Copy<'_>],
    buffer: &mut [u8],
    chunk: usize,
) -> Result<()> {
    for (copy, chunk) in copies.iter_mut().zip(buffer.chunks_mut(chunk)) {
        copy.read(chunk)?;
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
    Ok(())
}

/// A file on its way.
struct Copy<'a> {
    large: &'a LargeFile,
    open: Box<dyn OpenFile + 'a>,
    /// The rest of the extent that is being copied.
    extent: DataExtent,
    /// The extents behind it.
    later: &'a [DataExtent],
    hash: Option<Sha256>,
    /// The offset in the image of the next bytes.
    offset: ImageOffset,
    /// Number of bytes of the file in the buffer.
    count: usize,
}

impl<'a> Copy<'a> {
    fn begin(
        job: Job<'a>,
        reader: &mut dyn Reader<'a>,
        large: &'a LargeFile,
        extents: Option<&'a [DataExtent]>,
    ) -> Result<Self> {
        let size = job.inputs.tree.size(large.file);
        let is_hashed = large.digest.is_none() && job.hashes();
        let mut copy = Self {
            large,
            open: reader.open(large.file)?,
            extent: DataExtent::whole(size),
            later: &[],
            hash: is_hashed.then(Sha256::new),
            offset: large.offset,
            count: 0,
        };
        if let Some(extents) = extents {
            copy.extent.length = 0;
            copy.later = extents;
            copy.update(&size.to_le_bytes());
        }
        Ok(copy)
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
    }

    /// Goes to the next extent if this one is over.
    fn next_extent(&mut self) {
        let (0, Some((&extent, later))) = (self.extent.length, self.later.split_first()) else {
            return;
        };
        (self.extent, self.later) = (extent, later);
        self.update(&extent_header(&Extent {
            file_offset: extent.offset,
            offset: 0,
            length: extent.length,
        }));
    }

    /// Reads the next bytes, as many as there is room for.
    fn read(&mut self, chunk: &mut [u8]) -> Result<()> {
        self.next_extent();
        self.count = to_usize(self.extent.length).min(chunk.len());
        self.open.read(&mut chunk[..self.count], self.extent.offset)
    }

    /// Writes the bytes that were read.
    fn write(&mut self, job: Job<'_>, chunk: &[u8]) -> Result<()> {
        job.output.write(&chunk[..self.count], self.offset)?;
        let count = len64(self.count);
        job.inputs.observer.advance(count);
        self.offset = self.offset.after(count);
        self.extent.offset += count;
        self.extent.length -= count;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.extent.length == 0 && self.later.is_empty()
    }

    fn finish(self) -> Result<HashedContent> {
        self.open.verify()?;
        let digest = self.hash.map(Sha256::finish);
        let digest = self.large.digest.or(digest).unwrap_or_default();
        Ok((self.large.content, digest))
    }
}
