// SPDX-License-Identifier: MIT OR Apache-2.0
//! The segments, bytes, tails and digests of files.

use daxfs_format::{FileData, Inode, Memory, SectionKind, Xxh64};

use super::Walker;
use crate::num::{from_usize, to_usize};

impl<M: Memory, X: Xxh64> Walker<'_, '_, M, X> {
    pub(super) fn file(&mut self, inode: &Inode, data: &FileData) {
        match *data {
            FileData::Direct { offset } => self.inside(SectionKind::Data, offset, inode.size),
            FileData::Packed { offset } => self.inside(SectionKind::Packed, offset, inode.size),
            FileData::Empty | FileData::Sparse(_) => {}
        }
        self.segments(inode, data);
        let tail = self.image.check_tail(inode.ino, data, inode.size);
        self.note(tail);
        if let Some(content) = inode.content {
            let digest = self.image.digest(content);
            self.note(digest);
        }
    }

    fn segments(&mut self, inode: &Inode, data: &FileData) {
        let limit = most_segments(data);
        let (mut at, mut count) = (0, 0);
        let walk = self.image.segments(data, inode.size, 0);
        let mut walk = self.note(walk);
        while at < inode.size {
            let found = self.image.segment(data, inode.size, at);
            let Some(Some(segment)) = self.note(found) else {
                return;
            };
            assert!(segment.end > at, "a segment that leads nowhere");
            let walked = walk.as_mut().map(|walk| self.image.next_segment(walk));
            let walked = walked.and_then(|walked| self.note(walked));
            self.agree(
                walked == Some(Some(segment)) && segment.start == at,
                "a walk over segments and a search for each",
                inode.ino,
            );
            self.agree(
                segment.end <= inode.size,
                "a segment and its file",
                inode.ino,
            );
            if let Some(offset) = segment.data {
                self.inside(section_of(data), offset, segment.end - at);
            }
            self.bytes(inode, data, at, segment.end);
            at = segment.end;
            count += 1;
            if count > limit {
                // Under a hostile peer a list may differ from one search to the next.
                let is_list = matches!(data, FileData::Sparse(_));
                self.agree(!is_list, "the segments of a list", inode.ino);
                return;
            }
        }
    }

    /// Reads the first and last bytes of a segment.
    fn bytes(&mut self, inode: &Inode, data: &FileData, start: u64, end: u64) {
        self.report.tally.segments += 1;
        let chunk = (end - start).min(4096);
        for at in [start, end - chunk] {
            let room = &mut self.buffer[..to_usize(chunk)];
            let read = self.image.read(data, inode.size, at, room);
            let read = self.note(read).map(from_usize);
            self.agree(read == Some(chunk), "the length of a read", inode.ino);
            self.report.tally.bytes += chunk;
        }
    }
}

/// The most segments that a file can have.
fn most_segments(data: &FileData) -> u64 {
    match data {
        FileData::Empty => 0,
        FileData::Direct { .. } | FileData::Packed { .. } => 1,
        FileData::Sparse(list) => 2 * u64::from(list.count()) + 1,
    }
}

/// The section that has the bytes of a file.
fn section_of(data: &FileData) -> SectionKind {
    match data {
        FileData::Packed { .. } => SectionKind::Packed,
        _ => SectionKind::Data,
    }
}
