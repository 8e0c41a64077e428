// SPDX-License-Identifier: MIT OR Apache-2.0
//! The passes over the contents: comparing, copying packed files, copying the data section.
//!
//! Packed contents come first, as the length of their section is known when they are copied. Files
//! that turn out to be ELF then join the small direct ones.

use daxfs_format::SectionKind;

use super::copy::copy;
use super::copy::target::{Placing, Target};
use super::job::Job;
use crate::error::Result;
use crate::observer::Phase;
use crate::options::Keep;
use crate::plan::area::Area;
use crate::plan::classes::Classes;
use crate::plan::compare::{compare, Comparison};
use crate::plan::contents::Contents;
use crate::plan::extents::SparseFiles;
use crate::plan::holes;
use crate::plan::large;
use crate::plan::ordered::Ordered;
use crate::plan::sections::{digests_length, Sections, MAX_XATTRS};
use crate::tree::node::NodeId;

/// An image with all contents and no metadata yet.
pub(crate) struct ContentsWritten {
    pub(crate) sections: Sections,
    pub(crate) contents: Contents,
    pub(crate) sparse: SparseFiles,
    /// Number of unused bytes: in the data section, and behind the digests.
    pub(crate) unused: u64,
}

/// Copies all contents into the image.
///
/// # Errors
/// When a file cannot be read or has changed, a limit is exceeded, or the image cannot be written.
pub(crate) fn copy_contents(job: Job<'_>, ordered: &Ordered<'_>) -> Result<ContentsWritten> {
    let inputs = job.inputs;
    let classes = Classes::of(inputs.tree, &ordered.order, inputs.options);
    let sparse = holes::find(inputs, &classes.large)?;
    let mut sections = describing_sections(job, ordered, &sparse)?;
    if inputs.options.digests == Keep::Yes {
        sections.push(SectionKind::Digests, digests_length(classes.count()));
    }
    large::check_sparse(inputs, &classes.large, &sparse)?;
    let comparison = match inputs.options.sharing {
        Keep::Yes => compare(inputs, &classes.large, &sparse)?,
        Keep::No => Comparison::default(),
    };
    inputs.observer.phase(Phase::Copy);
    let contents = copy_packed(job, &classes.packed, &mut sections)?;
    let written = ContentsWritten {
        sections,
        contents,
        sparse,
        unused: 0,
    };
    copy_data(job, &classes, &comparison, written)
}

fn describing_sections(
    job: Job<'_>,
    ordered: &Ordered<'_>,
    sparse: &SparseFiles,
) -> Result<Sections> {
    let sections = Sections::describing(ordered, sparse, job.inputs.options.page);
    let xattrs = sections.range(SectionKind::Xattrs).length;
    if xattrs > MAX_XATTRS {
        let limit = format!("all extended attributes may have {MAX_XATTRS} bytes, not {xattrs}");
        return Err(job.inputs.limit(NodeId::ROOT, limit));
    }
    Ok(sections)
}

/// Copies the files of the packed section.
fn copy_packed(job: Job<'_>, files: &[NodeId], sections: &mut Sections) -> Result<Contents> {
    let placing = Placing {
        contents: Contents::new(job.inputs.tree.node_count()),
        target: Target::Packed(sections.next(SectionKind::Packed)),
    };
    let (placing, _) = copy(job, placing, (&[], &SparseFiles::default()), files)?;
    sections.push_until(SectionKind::Packed, placing.target.end());
    Ok(placing.contents)
}

/// Copies the files of the data section.
fn copy_data(
    job: Job<'_>,
    classes: &Classes,
    comparison: &Comparison,
    written: ContentsWritten,
) -> Result<ContentsWritten> {
    let ContentsWritten {
        mut sections,
        mut contents,
        sparse,
        ..
    } = written;
    let small = direct(job, classes, &contents);
    let mut area = Area::new(sections.next(SectionKind::Data), sections.page());
    let to = (&mut area, &mut contents);
    let found = (comparison, &sparse);
    let large = large::place(job.inputs, &classes.large, &small, found, to);
    let placing = Placing {
        contents,
        target: Target::Data(area),
    };
    let (mut placing, digests) = copy(job, placing, (&large, &sparse), &small)?;
    sections.push_until(SectionKind::Data, placing.target.end());
    for (content, digest) in digests {
        placing.contents.set_digest(content, digest);
    }
    Ok(ContentsWritten {
        sections,
        sparse,
        unused: placing.target.unused(),
        contents: placing.contents,
    })
}

/// The small direct files, with those that were not packed because they are ELF.
fn direct(job: Job<'_>, classes: &Classes, contents: &Contents) -> Vec<NodeId> {
    let mut small = classes.small.clone();
    let is_left = |file: &&NodeId| contents.of(**file).is_none();
    small.extend(classes.packed.iter().filter(is_left));
    small.sort_unstable_by_key(|&file| job.inputs.tree.node(file).ino);
    small
}
