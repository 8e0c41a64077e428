// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections that describe files. Their lengths are known before contents are copied, their
//! bytes afterwards.
//!
//! | module | owns |
//! |---|---|
//! | `inodes` | the inode section |
//! | `names` | the directory and symlink sections |
//! | `tables` | the xattr, extent and digest sections |

mod inodes;
mod names;
mod tables;

use daxfs_format::SectionKind;

use self::inodes::{Cursors, Inodes};
use super::job::Job;
use super::passes::ContentsWritten;
use super::seal::{self, Sealed};
use crate::error::Result;
use crate::num::len64;
use crate::options::Keep;
use crate::plan::ordered::Ordered;
use crate::plan::sections::Sections;

/// Writes the sections that describe files, and the superblock.
///
/// # Errors
/// When the image cannot be written, or is larger than the format allows.
pub(crate) fn describe(
    job: Job<'_>,
    ordered: &Ordered<'_>,
    image: &mut ContentsWritten,
) -> Result<Sealed> {
    let (options, contents) = (job.inputs.options, &image.contents);
    let numbering = contents.number(&ordered.order);
    let digests = match options.digests {
        Keep::Yes => tables::digests(contents, &numbering),
        Keep::No => Vec::new(),
    };
    let sections = &mut image.sections;
    image.unused += sections.shorten(SectionKind::Digests, len64(digests.len()));
    let (cursors, page) = (Cursors::of(sections), sections.page());
    let inodes = Inodes {
        ordered,
        options,
        contents,
        sparse: &image.sparse,
        numbering: &numbering,
    };
    // Each section is dropped before the next one is made.
    let mut write = |kind, bytes: Vec<u8>| write_section(job, sections, kind, &bytes);
    write(SectionKind::Digests, digests)?;
    write(SectionKind::Directories, names::directories(ordered))?;
    write(SectionKind::Symlinks, names::symlinks(ordered))?;
    write(SectionKind::Xattrs, tables::xattrs(ordered))?;
    write(
        SectionKind::Extents,
        tables::extents(ordered, contents, &image.sparse, page),
    )?;
    write(SectionKind::Inodes, inodes.bytes(cursors))?;
    let sealed = seal::superblock(sections, job.inputs)?;
    job.output
        .write(sealed.as_bytes(), seal::SUPERBLOCK_OFFSET)?;
    Ok(sealed)
}

/// Writes a section and states its hashes.
fn write_section(
    job: Job<'_>,
    sections: &mut Sections,
    kind: SectionKind,
    bytes: &[u8],
) -> Result<()> {
    let range = sections.range(kind);
    debug_assert_eq!(range.length, len64(bytes.len()), "{kind}");
    seal::hash(sections, kind, bytes);
    job.output.write(bytes, range.offset)
}
