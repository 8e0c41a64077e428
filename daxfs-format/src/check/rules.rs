// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of the checks of all metadata.

use super::checker::Checker;
use super::report::{Outcome, Sink};
use super::scratch::{Scratch, ScratchSize};
use super::{sections, xattrs};
use crate::hash::Xxh64;
use crate::image::Image;
use crate::memory::Memory;
use crate::superblock::SuperblockCopy;

/// Checks every rule that concerns metadata, the ends of files and the gaps between sections.
/// `superblock` is the copy that the image was opened with.
///
/// # Errors
/// [`Stop`](super::Stop) if the check could not be completed.
pub fn check_rules<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    scratch: &mut Scratch<'_>,
    sink: &mut Sink<'_>,
) -> Outcome {
    scratch.prepare(ScratchSize::of(image))?;
    sections::check_gaps(image, superblock, scratch.buffer, sink)?;
    let sets = xattrs::check(image, scratch.acls, scratch.buffer, sink)?;
    let mut checker = Checker::new(image, scratch, sink, sets);
    checker.check_inodes()?;
    checker.check_links()?;
    checker.check_ends()
}
