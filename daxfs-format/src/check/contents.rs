// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents of regular files: numbers, sharing, overlap, packing, extent lists and tails.
//!
//! Contents are numbered by their first use. So the first file with a number must have an extent of
//! its own, every other one must have the same extent, and one bit a page shows whether two extents
//! overlap.

use core::mem::offset_of;

use super::checker::{inode_field, slot, Checker};
use super::report::{check_zero, Outcome};
use crate::error::{Finding, Object};
use crate::extent::ExtentList;
use crate::hash::Xxh64;
use crate::ids::{ContentId, Ino};
use crate::inode::{FileData, Inode, RawInode};
use crate::kinds::SectionKind;
use crate::memory::Memory;
use crate::num::{round_up, to_usize};
use crate::rule::Rule;

impl<M: Memory, X: Xxh64> Checker<'_, '_, '_, M, X> {
    pub(super) fn check_content(&mut self, inode: &Inode, data: &FileData) -> Outcome {
        let Some(content) = inode.content else {
            return Ok(());
        };
        let number = content.get();
        let next = self.contents.saturating_add(1);
        if number > next {
            let field = offset_of!(RawInode, content);
            self.report(self.inode_finding(inode.ino, field, Rule::ContentOrder, number.into()))?;
        }
        let owner = slot(self.scratch.owners, number).and_then(|&mut owner| Ino::new(owner));
        match owner {
            Some(owner) => self.check_shared(inode, content, owner, data),
            None => {
                if let Some(owner) = slot(self.scratch.owners, number) {
                    *owner = inode.ino.get();
                    self.contents = self.contents.max(number);
                }
                self.check_first(inode, content, data)
            }
        }
    }

    /// Checks that a further file with a content has the extent and size of the first.
    fn check_shared(
        &mut self,
        inode: &Inode,
        content: ContentId,
        owner: Ino,
        data: &FileData,
    ) -> Outcome {
        let first = match self.image.inode(owner) {
            Ok(first) => first,
            Err(error) => return self.report_error(error),
        };
        let sparse = matches!(data, FileData::Sparse(_));
        if !sparse && first.kind == inode.kind && first.size == inode.size {
            return Ok(());
        }
        let (field, value) = (offset_of!(RawInode, content), content.get().into());
        self.report(self.inode_finding(inode.ino, field, Rule::ContentShared, value))
    }

    /// Checks that the first file with a content has an extent of its own.
    fn check_first(&mut self, inode: &Inode, content: ContentId, data: &FileData) -> Outcome {
        match *data {
            FileData::Empty => Ok(()),
            FileData::Packed { offset } => {
                let end = offset.saturating_add(inode.size);
                self.take(SectionKind::Packed, inode.ino, offset, end)
                    .map(drop)
            }
            FileData::Direct { offset } => {
                let field = inode_field(self.image, inode.ino, offset_of!(RawInode, offset));
                let object = Object::Inode(inode.ino.get());
                self.check_pages((object, field), content, offset, inode.size)
            }
            FileData::Sparse(list) => self.check_extents(inode, content, &list),
        }
    }

    /// Checks that the pages of `length` bytes at `offset` hold nothing else, and zeros after the
    /// bytes.
    fn check_pages(
        &mut self,
        (object, field): (Object, u64),
        content: ContentId,
        offset: u64,
        length: u64,
    ) -> Outcome {
        let shift = self.image.superblock().page_shift();
        let (data, _) = self.image.superblock().sections().range(SectionKind::Data);
        let end = offset.saturating_add(length);
        let page_end = round_up(end, shift).unwrap_or(end);
        let page = |at: u64| {
            at.saturating_sub(data)
                .checked_shr(shift)
                .unwrap_or_default()
        };
        if !mark(self.scratch.pages, page(offset), page(page_end)) {
            // The first content has checked the tail: no page is read twice, however many claim it.
            let (rule, value) = (Rule::ContentOverlap, offset);
            return self.report(Finding::new(object, field, rule, value));
        }
        let rule = (Object::Content(content), Rule::ContentTail);
        check_zero(
            self.image,
            (end, page_end),
            rule,
            self.scratch.buffer,
            self.sink,
        )
    }

    fn check_extents(&mut self, inode: &Inode, content: ContentId, list: &ExtentList) -> Outcome {
        let first = list.count == 0
            || self.take(
                SectionKind::Extents,
                inode.ino,
                list.offset,
                list.at(list.count),
            )?;
        if !first {
            return Ok(());
        }
        let shift = self.image.superblock().page_shift();
        let (mut end, mut bytes, mut pages) = (0, 0_u64, 0_u64);
        for index in 0..list.count {
            let extent = match list.read(self.image.memory(), self.image.superblock(), index) {
                Ok(extent) => extent,
                Err(error) => {
                    self.report_error(error)?;
                    continue;
                }
            };
            if extent.file_offset < end {
                let (rule, value) = (Rule::ExtentOrder, extent.file_offset);
                self.report(list.finding(index, 0, rule, value))?;
            }
            end = extent.file_end();
            bytes = bytes.saturating_add(extent.length);
            let page_end = round_up(extent.length, shift).unwrap_or(u64::MAX);
            pages = pages.saturating_add(page_end.checked_shr(shift).unwrap_or_default());
            let object = Object::Extent {
                file: inode.ino,
                index,
            };
            let field = (object, list.at(index).saturating_add(8));
            self.check_pages(field, content, extent.offset, extent.length)?;
        }
        if bytes >= inode.size {
            let (field, value) = (offset_of!(RawInode, count), list.count.into());
            self.report(self.inode_finding(inode.ino, field, Rule::ExtentOrder, value))?;
        }
        if pages != u64::from(list.pages) {
            let (field, value) = (offset_of!(RawInode, link), list.pages.into());
            self.report(self.inode_finding(inode.ino, field, Rule::ExtentPages, value))?;
        }
        Ok(())
    }
}

/// Sets the bits `start` to `end` and returns true if all of them were clear. Stops at the first
/// word with a bit that was set, so that no page is paid for twice.
fn mark(words: &mut [u64], start: u64, end: u64) -> bool {
    let mut at = start;
    while at < end {
        let (first, rest) = (at & 63, end.saturating_sub(at));
        let count = 64_u64.saturating_sub(first).min(rest);
        let ones = u32::try_from(64_u64.saturating_sub(count)).ok();
        let mask = ones
            .and_then(|unused| u64::MAX.checked_shr(unused))
            .unwrap_or_default();
        let mask = mask.wrapping_shl(u32::try_from(first).unwrap_or_default());
        if let Some(word) = words.get_mut(to_usize(at >> 6)) {
            if *word & mask != 0 {
                return false;
            }
            *word |= mask;
        }
        at = at.saturating_add(count);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::mark;

    #[test]
    fn marking_pages_agrees_with_marking_one_by_one() {
        for start in [0_u64, 1, 5, 63, 64, 65, 127, 128] {
            for end in start..200 {
                let mut words = [0; 4];
                assert!(mark(&mut words, start, end));
                for bit in 0..256 {
                    let set = words[usize::try_from(bit / 64).unwrap()] >> (bit % 64) & 1 == 1;
                    assert_eq!(set, (start..end).contains(&bit), "{start}..{end} at {bit}");
                }
                let last = end.saturating_sub(1).max(start);
                assert_eq!(mark(&mut words, last, last + 1), start == end);
            }
        }
    }
}
