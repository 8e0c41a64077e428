// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparison of two contents of one size.
//!
//! Digests decide where they can: that of a sparse file covers where its holes are, so it says that
//! two sparse files are the same, and not that they differ; and it cannot be compared with that of a
//! file without holes. There, and where an image states no digests, the bytes decide.

use std::collections::HashMap;

use daxfs_image::format::{ContentId, Error, FileData, Inode, Memory};

use crate::open::Inspected;

/// How many bytes of each file are compared at once.
const BUFFER: u64 = 256 << 10;

/// Compares contents of two images.
pub struct Contents<'a> {
    a: &'a Inspected,
    b: &'a Inspected,
    /// The pairs that were read, so that shared ones are read once.
    read: HashMap<(ContentId, ContentId), bool>,
    buffers: [Vec<u8>; 2],
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
        Self {
            a,
            b,
            read: HashMap::new(),
            buffers: [Vec::new(), Vec::new()],
        }
    }

    /// Whether two files of one size have the same bytes.
    ///
    /// # Errors
    /// A rule that an image breaks on the way, or the memory's own.
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
        if let Some(&same) = self.read.get(&pair) {
            return Ok(same);
        }
        let same = self.by_bytes(old, new, a.size)?;
        self.read.insert(pair, same);
        Ok(same)
    }

    fn by_digest(
        &self,
        (a, b): (ContentId, ContentId),
        a_sparse: bool,
        b_sparse: bool,
    ) -> Result<Opinion, Error> {
        let Some((old, new)) = self.a.digest(a)?.zip(self.b.digest(b)?) else {
            return Ok(Opinion::None);
        };
        Ok(match (a_sparse, b_sparse) {
            (false, false) if old != new => Opinion::Different,
            _ if a_sparse == b_sparse && old == new => Opinion::Same,
            _ => Opinion::None,
        })
    }

    fn by_bytes(&mut self, old: &FileData, new: &FileData, size: u64) -> Result<bool, Error> {
        let mut at = 0;
        while let (Some(a), Some(b)) = (
            self.a.segment(old, size, at)?,
            self.b.segment(new, size, at)?,
        ) {
            let end = a.end.min(b.end);
            let holes = a.data.is_none() && b.data.is_none();
            if !holes && !self.are_ranges_same(a.data, b.data, end - at)? {
                return Ok(false);
            }
            at = end;
        }
        Ok(true)
    }

    /// Compares `length` bytes at two places, of which one may be a hole.
    fn are_ranges_same(
        &mut self,
        a: Option<u64>,
        b: Option<u64>,
        length: u64,
    ) -> Result<bool, Error> {
        let [old, new] = &mut self.buffers;
        let mut at = 0;
        while at < length {
            let piece = usize::try_from((length - at).min(BUFFER)).unwrap_or(usize::MAX);
            read_piece(self.a, a.map(|a| a.saturating_add(at)), piece, old)?;
            read_piece(self.b, b.map(|b| b.saturating_add(at)), piece, new)?;
            if old != new {
                return Ok(false);
            }
            at = at.saturating_add(BUFFER);
        }
        Ok(true)
    }
}

fn is_sparse(data: &FileData) -> bool {
    matches!(data, FileData::Sparse(_))
}

/// Fills a buffer with bytes of the image, or with the zeros of a hole.
fn read_piece(
    image: &Inspected,
    place: Option<u64>,
    length: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), Error> {
    buffer.clear();
    buffer.resize(length, 0);
    match place {
        Some(place) => image.memory().read(place, buffer).map_err(Error::from),
        None => Ok(()),
    }
}
