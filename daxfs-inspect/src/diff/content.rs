// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two contents of the same size.
//!
//! Digests decide if they can. The digest of a sparse file covers the offsets of its holes: equal
//! digests mean equal files, different ones mean nothing, and it cannot be compared with that of a
//! file without holes. In such cases, and if an image states no digests, the bytes decide, by
//! another digest that does not depend on whether zeros are stored.
//!
//! Whatever an image states, none of its bytes is read twice: the digest of each content is
//! computed once, and a content that overlaps another one is refused.

use std::collections::HashMap;

use daxfs_image::format::limits::PAGE_SHIFTS;
use daxfs_image::format::{
    ContentId, Error, FileData, Finding, Inode, Memory, Object, Rule, Sha256 as _,
};
use daxfs_image::hash::Sha256;
use daxfs_image::ranges::Ranges;

use crate::open::Inspected;

/// The size of a read in bytes, in whole blocks.
const BUFFER: u64 = 256 << 10;
/// The size in bytes of the blocks that are left out of a digest if they are zero. Holes consist of
/// whole blocks.
const BLOCK: usize = 1 << BLOCK_SHIFT;
const BLOCK_SHIFT: u8 = *PAGE_SHIFTS.start();

/// Compares contents of two images.
pub struct Contents<'a> {
    a: Side<'a>,
    b: Side<'a>,
}

/// The result of comparing the digests of two contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opinion {
    Same,
    Different,
    None,
}

impl<'a> Contents<'a> {
    /// Compares contents of `a` with contents of `b`.
    #[must_use]
    pub fn new(a: &'a Inspected, b: &'a Inspected) -> Self {
        let (a, b) = (Side::new(a), Side::new(b));
        Self { a, b }
    }

    /// Returns true if two files of the same size have the same bytes.
    ///
    /// # Errors
    /// A rule that an image breaks on the way, or a fault of the memory.
    pub fn are_same(
        &mut self,
        (a, old): (&Inode, &FileData),
        (b, new): (&Inode, &FileData),
    ) -> Result<bool, Error> {
        // Only files without bytes have no content.
        let Some(pair) = a.content.zip(b.content) else {
            return Ok(true);
        };
        match self.by_digest(pair, [old, new])? {
            Opinion::Same => return Ok(true),
            Opinion::Different => return Ok(false),
            Opinion::None => {}
        }
        let old = self.a.digest(pair.0, old, a.size)?;
        Ok(old == self.b.digest(pair.1, new, b.size)?)
    }

    fn by_digest(
        &self,
        (a, b): (ContentId, ContentId),
        files: [&FileData; 2],
    ) -> Result<Opinion, Error> {
        let digests = self.a.image.digest(a)?.zip(self.b.image.digest(b)?);
        let Some((old, new)) = digests else {
            return Ok(Opinion::None);
        };
        Ok(match files.map(is_sparse) {
            [false, false] if old != new => Opinion::Different,
            [a, b] if a == b && old == new => Opinion::Same,
            _ => Opinion::None,
        })
    }
}

fn is_sparse(data: &FileData) -> bool {
    matches!(data, FileData::Sparse(_))
}

/// The contents of one image, as far as they were read.
struct Side<'a> {
    image: &'a Inspected,
    /// By number, offset and size: a damaged image may give one number to several contents.
    digests: HashMap<(ContentId, u64, u64), Result<[u8; 32], Error>>,
    read: Ranges,
    buffer: Vec<u8>,
}

impl<'a> Side<'a> {
    fn new(image: &'a Inspected) -> Self {
        Self {
            image,
            digests: HashMap::new(),
            read: Ranges::default(),
            buffer: Vec::new(),
        }
    }

    /// The SHA-256 of the blocks that are not zero, each with its number before it.
    fn digest(
        &mut self,
        content: ContentId,
        data: &FileData,
        size: u64,
    ) -> Result<[u8; 32], Error> {
        let key = (content, data.offset(), size);
        if let Some(&known) = self.digests.get(&key) {
            return known;
        }
        let digest = self.read_digest(content, data, size);
        self.digests.insert(key, digest);
        digest
    }

    fn read_digest(
        &mut self,
        content: ContentId,
        data: &FileData,
        size: u64,
    ) -> Result<[u8; 32], Error> {
        let mut hash = Sha256::new();
        let mut walk = self.image.segments(data, size, 0)?;
        let mut at = 0;
        while let Some(segment) = self.image.next_segment(&mut walk)? {
            let length = segment.end.saturating_sub(at);
            if let Some(offset) = segment.data {
                if !self.read.insert(offset, length) {
                    return Err(overlap(content, offset).into());
                }
                self.hash_bytes(&mut hash, at, offset, length)?;
            }
            at = segment.end;
        }
        Ok(hash.finish())
    }

    /// Hashes `length` bytes at `offset` in the image, which are those of the file from `at` on.
    fn hash_bytes(
        &mut self,
        hash: &mut Sha256,
        mut at: u64,
        mut offset: u64,
        mut length: u64,
    ) -> Result<(), Error> {
        while length != 0 {
            let part = length.min(BUFFER);
            let bytes = usize::try_from(part).unwrap_or(usize::MAX);
            self.buffer.resize(bytes, 0);
            self.image.memory().read(offset, &mut self.buffer)?;
            for (block, number) in self.buffer.chunks(BLOCK).zip(at >> BLOCK_SHIFT..) {
                if block.iter().any(|&byte| byte != 0) {
                    hash.update(&number.to_le_bytes());
                    hash.update(block);
                }
            }
            at = at.saturating_add(part);
            offset = offset.saturating_add(part);
            length -= part;
        }
        Ok(())
    }
}

fn overlap(content: ContentId, offset: u64) -> Finding {
    Finding::new(
        Object::Content(content),
        offset,
        Rule::ContentOverlap,
        offset,
    )
}
