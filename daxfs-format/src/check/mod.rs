// SPDX-License-Identifier: MIT OR Apache-2.0
//! The complete check of an image.
//!
//! | function | reads | costs |
//! |---|---|---|
//! | [`verify_checksums`] | every metadata section | the metadata, once |
//! | [`verify_section_digests`] | every metadata section | the metadata, once |
//! | [`check_structure`] | all metadata, the ends of files, gaps between sections | the metadata, a few times |
//! | [`check_data_padding`] | the pages of the data section that no file has | that padding, once; a word of the map for 64 pages |
//! | [`content_digest`](crate::digest::content_digest) | one content | its bytes |
//!
//! Findings go to a sink, which says whether to go on. The checks allocate nothing: the caller lends
//! a [`Scratch`], whose size is known beforehand. They are iterative, and the order in which an image
//! stores its objects makes most rules a comparison with a running cursor. No byte is looked at more
//! than a few times, also in an image whose objects overlap.
//!
//! | module | rules |
//! |---|---|
//! | `inodes` | inodes by themselves, link counts, symlinks |
//! | `directories` | units, entries, the tree |
//! | `contents` | numbering, sharing, overlap, extents, tails |
//! | `xattrs` | attribute sets |
//! | `sections` | checksums, digests, padding |

mod contents;
mod directories;
mod inodes;
mod sections;
mod xattrs;

use core::mem::offset_of;
use core::ops::ControlFlow;

use crate::error::{Error, Finding, Object};
use crate::hash::Xxh64;
use crate::ids::Ino;
use crate::image::Image;
use crate::inode::RawInode;
use crate::kinds::SectionKind;
use crate::memory::{Memory, ReadFault};
use crate::num::{from_usize, to_usize};
use crate::rule::Rule;
use crate::superblock::SuperblockCopy;
use crate::xattr;

pub use sections::{check_data_padding, verify_checksums, verify_section_digests};

/// Who hears of findings. The answer says whether to go on.
pub type Sink<'a> = dyn FnMut(Finding) -> ControlFlow<()> + 'a;

/// Why a check ended before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The sink asked for it.
    Sink,
    /// The memory did not give its bytes.
    Memory(ReadFault),
    /// A part of the scratch memory is shorter than [`ScratchSize`] says.
    Scratch,
}

impl From<ReadFault> for Stop {
    fn from(fault: ReadFault) -> Self {
        Self::Memory(fault)
    }
}

/// The result of a check: whether it was completed. Findings have gone to the sink.
pub type Outcome = Result<(), Stop>;

/// How much scratch memory the check of an image takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScratchSize {
    /// Elements of [`Scratch::links`] and [`Scratch::owners`]: one for each inode.
    pub inodes: usize,
    /// Elements of [`Scratch::acls`]: one for each attribute set that can be.
    pub sets: usize,
    /// Elements of [`Scratch::pages`]: one for each 64 pages of the data section.
    pub page_words: usize,
}

impl ScratchSize {
    /// What the check of `image` takes. It grows with the length of the inode section (an eighth of
    /// it), of the xattr section (a twelfth) and of the data section (a 32768th), which the memory
    /// bounds.
    #[must_use]
    pub fn of<M: Memory, X: Xxh64>(image: &Image<M, X>) -> Self {
        let superblock = image.superblock();
        let (_, data) = superblock.sections().range(SectionKind::Data);
        let pages = data
            .checked_shr(superblock.page_shift())
            .unwrap_or_default();
        let inodes = to_usize(image.inode_count().into());
        let (_, xattrs) = superblock.sections().range(SectionKind::Xattrs);
        let sets = to_usize(xattrs.checked_div(xattr::LEAST_SET).unwrap_or_default());
        Self {
            inodes,
            sets,
            page_words: to_usize(pages.div_ceil(64)),
        }
    }
}

impl ScratchSize {
    /// The sum in bytes, without the buffer.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |count, each| from_usize(count).saturating_mul(each);
        bytes(self.inodes, 8)
            .saturating_add(bytes(self.sets, 2))
            .saturating_add(bytes(self.page_words, 8))
    }
}

/// Memory that a check works in. What it holds before does not matter.
#[derive(Debug)]
pub struct Scratch<'a> {
    /// Counts the directory entries that name each inode.
    pub links: &'a mut [u32],
    /// Remembers the first inode of each content.
    pub owners: &'a mut [u32],
    /// Remembers which access control lists each attribute set has.
    pub acls: &'a mut [u16],
    /// Marks the pages of the data section that hold contents; afterwards the input of
    /// [`check_data_padding`].
    pub pages: &'a mut [u64],
    /// For bytes on their way; at least [`Scratch::BUFFER`] of them.
    pub buffer: &'a mut [u8],
}

impl Scratch<'_> {
    /// The least length of the buffer, in bytes: the longest symlink target.
    pub const BUFFER: usize = 4096;

    fn prepare(&mut self, size: ScratchSize) -> Outcome {
        let enough = self.links.len() >= size.inodes
            && self.owners.len() >= size.inodes
            && self.acls.len() >= size.sets
            && self.pages.len() >= size.page_words
            && self.buffer.len() >= Self::BUFFER;
        if !enough {
            return Err(Stop::Scratch);
        }
        self.links.fill(0);
        self.owners.fill(0);
        self.acls.fill(0);
        self.pages.fill(0);
        Ok(())
    }
}

/// Checks every rule that concerns metadata, the ends of files and the gaps between sections.
/// `superblock` is the copy that the image was opened with.
///
/// # Errors
/// [`Stop`] when the check could not be completed.
pub fn check_structure<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    scratch: &mut Scratch<'_>,
    sink: &mut Sink<'_>,
) -> Outcome {
    scratch.prepare(ScratchSize::of(image))?;
    sections::check_gaps(image, superblock, scratch.buffer, sink)?;
    let sets = xattrs::check(image, scratch.acls, scratch.buffer, sink)?;
    Checker::new(image, scratch, sink, sets).run()
}

/// The pass over all inodes, and what it has seen so far.
struct Checker<'a, 's, 'k, M, X> {
    image: &'a Image<M, X>,
    scratch: &'a mut Scratch<'s>,
    sink: &'a mut Sink<'k>,
    /// Where the next unit, target, list and packed content begin.
    directories: Cursor,
    symlinks: Cursor,
    extents: Cursor,
    packed: Cursor,
    /// How many attribute sets there are, and the highest number used.
    sets: u32,
    sets_used: u32,
    /// The highest content number used.
    contents: u32,
}

impl<'a, 's, 'k, M: Memory, X: Xxh64> Checker<'a, 's, 'k, M, X> {
    fn new(
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

    fn run(mut self) -> Outcome {
        self.check_inodes()?;
        self.check_links()?;
        self.check_ends()
    }

    fn report(&mut self, finding: Finding) -> Outcome {
        report(self.sink, finding)
    }

    fn report_error(&mut self, error: Error) -> Outcome {
        report_error(self.sink, error)
    }

    /// Takes the bytes from `offset` to `end`, which `ino` refers to in its offset field, as the next
    /// object of a section. The answer is whether they may be looked at: bytes before the cursor have
    /// been, so that the whole check looks at each byte once, however many inodes refer to it.
    fn take(&mut self, kind: SectionKind, ino: Ino, offset: u64, end: u64) -> Result<bool, Stop> {
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

    /// Sections end where their last objects end, and all that is numbered has been used.
    fn check_ends(&mut self) -> Outcome {
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

/// Where the next object of a section must begin.
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
            SectionKind::Directories => Rule::DirectoryPlace,
            SectionKind::Symlinks => Rule::SymlinkPlace,
            SectionKind::Extents => Rule::ExtentPlace,
            _ => Rule::PackedPlace,
        };
        Finding::new(object, offset, rule, value)
    }
}

fn report(sink: &mut Sink<'_>, finding: Finding) -> Outcome {
    match sink(finding) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Stop::Sink),
    }
}

/// Reports the finding of an error. A fault of the memory ends the check.
fn report_error(sink: &mut Sink<'_>, error: Error) -> Outcome {
    match error {
        Error::Corrupt(finding) | Error::Unsupported(finding) => report(sink, finding),
        Error::Memory(fault) => Err(fault.into()),
    }
}

/// Reports the first byte of a range that is not zero.
fn check_zero<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    (start, end): (u64, u64),
    (object, rule): (Object, Rule),
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let length = end.saturating_sub(start);
    match crate::memory::find_nonzero(image.memory(), start, length, buffer)? {
        Some((offset, byte)) => report(sink, Finding::new(object, offset, rule, byte.into())),
        None => Ok(()),
    }
}

/// The index of `number`, which counts from 1, in a scratch array.
fn slot(array: &mut [u32], number: u32) -> Option<&mut u32> {
    array.get_mut(to_usize(number.checked_sub(1)?.into()))
}

/// The offset of a field of an inode in the image.
fn inode_field<M: Memory, X: Xxh64>(image: &Image<M, X>, ino: Ino, field: usize) -> u64 {
    image.inode_offset(ino).saturating_add(from_usize(field))
}
