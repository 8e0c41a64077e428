// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two contents of one size.
//!
//! Digests decide where they can: that of a sparse file covers where its holes are, so it says that
//! two sparse files are the same, and not that they differ; and it cannot be compared with that of a
//! file without holes. There, and where an image states no digests, the bytes decide, by a digest of
//! our own that is the same whether zeros are stored or not.
//!
//! Whatever an image says, none of its bytes is read twice: each content has its digest taken once, and
//! one that shares bytes with another is refused.

use std::collections::HashMap;

use daxfs_image::format::limits::PAGE_SHIFTS;
use daxfs_image::format::{
    ContentId, Error, FileData, Finding, Inode, Memory, Object, Rule, Sha256 as _,
};
use daxfs_image::hash::Sha256;
use daxfs_image::ranges::Ranges;

use crate::open::Inspected;

/// How many bytes are read at once, whole blocks.
const BUFFER: u64 = 256 << 10;
/// What is left out of a digest if it is zero, in bytes. Holes are made of whole ones.
const BLOCK: usize = 1 << BLOCK_SHIFT;
const BLOCK_SHIFT: u8 = *PAGE_SHIFTS.start();

/// Compares contents of two images.
pub struct Contents<'a> {
    a: Side<'a>,
    b: Side<'a>,
}

/// What digests say of two contents.
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

    /// Whether two files of one size have the same bytes.
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
        match self.by_digest(pair, is_sparse(old), is_sparse(new))? {
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
        a_sparse: bool,
        b_sparse: bool,
    ) -> Result<Opinion, Error> {
        let digests = self.a.image.digest(a)?.zip(self.b.image.digest(b)?);
        let Some((old, new)) = digests else {
            return Ok(Opinion::None);
        };
        Ok(match (a_sparse, b_sparse) {
            (false, false) if old != new => Opinion::Different,
            _ if a_sparse == b_sparse && old == new => Opinion::Same,
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
    /// By number, place and size: a damaged image may give one number to several contents.
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
            if let Some(place) = segment.data {
                if !self.read.insert(place, length) {
                    return Err(overlap(content, place).into());
                }
                self.hash_bytes(&mut hash, at, place, length)?;
            }
            at = segment.end;
        }
        Ok(hash.finish())
    }

    /// Hashes `length` bytes at `place` in the image, which are those of the file from `at` on.
    fn hash_bytes(
        &mut self,
        hash: &mut Sha256,
        mut at: u64,
        mut place: u64,
        mut length: u64,
    ) -> Result<(), Error> {
        while length != 0 {
            let piece = length.min(BUFFER);
            let bytes = usize::try_from(piece).unwrap_or(usize::MAX);
            self.buffer.resize(bytes, 0);
            self.image.memory().read(place, &mut self.buffer)?;
            for (block, number) in self.buffer.chunks(BLOCK).zip(at >> BLOCK_SHIFT..) {
                if block.iter().any(|&byte| byte != 0) {
                    hash.update(&number.to_le_bytes());
                    hash.update(block);
                }
            }
            at = at.saturating_add(piece);
            place = place.saturating_add(piece);
            length -= piece;
        }
        Ok(())
    }
}

fn overlap(content: ContentId, place: u64) -> Finding {
    Finding::new(Object::Content(content), place, Rule::ContentOverlap, place)
}
