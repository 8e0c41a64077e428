// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the pass over all inodes.

use core::mem::offset_of;

use super::report::{report, report_error, Outcome, Sink, Stop};
use super::scratch::Scratch;
use super::sections;
use crate::error::{Error, Finding, Object};
use crate::hash::Xxh64;
use crate::ids::Ino;
use crate::image::Image;
use crate::inode::RawInode;
use crate::kinds::SectionKind;
use crate::memory::Memory;
use crate::num::{from_usize, to_usize};
use crate::rule::Rule;

/// The pass over all inodes, with the state that it keeps.
pub(super) struct Checker<'a, 's, 'k, M, X> {
    pub(super) image: &'a Image<M, X>,
    pub(super) scratch: &'a mut Scratch<'s>,
    pub(super) sink: &'a mut Sink<'k>,
    /// The expected offsets of the next unit, target, list and packed content.
    directories: Cursor,
    symlinks: Cursor,
    extents: Cursor,
    packed: Cursor,
    /// The number of attribute sets, and the highest one used.
    pub(super) sets: u32,
    pub(super) sets_used: u32,
    /// The highest content number used.
    pub(super) contents: u32,
}

impl<'a, 's, 'k, M: Memory, X: Xxh64> Checker<'a, 's, 'k, M, X> {
    pub(super) fn new(
        image: &'a Image<M, X>,
        scratch: &'a mut Scratch<'s>,
        sink: &'a mut Sink<'k>,
        sets: u32,
    ) -> Self {
        let cursor = |kind| Cursor::new(image, kind);
        Self {
            directories: cursor(SectionKind::Directories),
            symlinks: cursor(SectionKind::Symlinks),
            extents: cursor(SectionKind::Extents),
            packed: cursor(SectionKind::Packed),
            image,
            scratch,
            sink,
            sets,
            sets_used: 0,
            contents: 0,
        }
    }

    pub(super) fn report(&mut self, finding: Finding) -> Outcome {
        report(self.sink, finding)
    }

    pub(super) fn report_error(&mut self, error: Error) -> Outcome {
        report_error(self.sink, error)
    }

    /// Takes the bytes from `offset` to `end`, to which the offset field of `ino` refers, as the
    /// next object of a section. Returns true if they may be read: bytes before the cursor have
    /// been, so the whole check reads each byte once, however many inodes refer to it.
    pub(super) fn take(
        &mut self,
        kind: SectionKind,
        ino: Ino,
        offset: u64,
        end: u64,
    ) -> Result<bool, Stop> {
        let cursor = match kind {
            SectionKind::Directories => &mut self.directories,
            SectionKind::Symlinks => &mut self.symlinks,
            SectionKind::Extents => &mut self.extents,
            _ => &mut self.packed,
        };
        let (expected, here) = (cursor.at, *cursor);
        if offset >= expected {
            cursor.at = end;
        }
        if offset != expected {
            let field = inode_field(self.image, ino, offset_of!(RawInode, offset));
            self.report(here.finding(Object::Inode(ino.get()), field, offset))?;
        }
        Ok(offset >= expected)
    }

    /// Checks that sections end with their last objects, and that every number has been used.
    pub(super) fn check_ends(&mut self) -> Outcome {
        let cursors = [self.directories, self.symlinks, self.extents, self.packed];
        for cursor in cursors {
            if cursor.at != cursor.end {
                let object = Object::Section(cursor.kind);
                let (_, length) = self.image.superblock().sections().range(cursor.kind);
                self.report(cursor.finding(object, cursor.at, length))?;
            }
        }
        if self.sets_used != self.sets {
            let (offset, _) = self
                .image
                .superblock()
                .sections()
                .range(SectionKind::Xattrs);
            let object = Object::Section(SectionKind::Xattrs);
            let value = self.sets.into();
            self.report(Finding::new(object, offset, Rule::XattrOrder, value))?;
        }
        sections::check_digests(self.image, self.contents, self.sink)
    }
}

/// The expected offset of the next object of a section.
#[derive(Clone, Copy)]
struct Cursor {
    kind: SectionKind,
    at: u64,
    end: u64,
}

impl Cursor {
    fn new<M: Memory, X: Xxh64>(image: &Image<M, X>, kind: SectionKind) -> Self {
        let (at, length) = image.superblock().sections().range(kind);
        Self {
            kind,
            at,
            end: at.saturating_add(length),
        }
    }

    fn finding(&self, object: Object, offset: u64, value: u64) -> Finding {
        let rule = match self.kind {
            SectionKind::Directories => Rule::DirectoryOffset,
            SectionKind::Symlinks => Rule::SymlinkOffset,
            SectionKind::Extents => Rule::ExtentOffset,
            _ => Rule::PackedOffset,
        };
        Finding::new(object, offset, rule, value)
    }
}

/// The index of `number`, which counts from 1, in a scratch array.
pub(super) fn slot(array: &mut [u32], number: u32) -> Option<&mut u32> {
    array.get_mut(to_usize(number.checked_sub(1)?.into()))
}

/// The offset of a field of an inode in the image.
pub(super) fn inode_field<M: Memory, X: Xxh64>(image: &Image<M, X>, ino: Ino, field: usize) -> u64 {
    image.inode_offset(ino).saturating_add(from_usize(field))
}
