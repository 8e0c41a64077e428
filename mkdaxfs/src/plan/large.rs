// SPDX-License-Identifier: MIT OR Apache-2.0
//! Large files: their lengths in the data section, and their offsets there.

use std::cmp::Reverse;

use super::area::Area;
use super::compare::Comparison;
use super::contents::{Content, ContentIndex, Contents, Digest, Location};
use super::extents::SparseFiles;
use super::huge::Alignment;
use super::inputs::Inputs;
use super::offset::ImageOffset;
use super::placement::{self, Large};
use crate::error::Result;
use crate::tree::node::NodeId;

/// A large file to be copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeFile {
    pub(crate) file: NodeId,
    /// The offset of its first byte in the image.
    pub(crate) offset: ImageOffset,
    pub(crate) content: ContentIndex,
    /// Its digest, if it has been hashed already.
    pub(crate) digest: Option<Digest>,
}

/// Checks that no sparse file has more pages than an inode can state in 32 bits.
///
/// # Errors
/// When one has.
pub(crate) fn check_sparse(
    inputs: Inputs<'_>,
    files: &[NodeId],
    sparse: &SparseFiles,
) -> Result<()> {
    let most = u64::from(u32::MAX) * inputs.options.page.bytes();
    for &file in files {
        let is_sparse = sparse.extents(file).is_some();
        if is_sparse && large_of(inputs, file, sparse).length > most {
            let limit = format!("a file with holes may have {most} bytes besides them");
            return Err(inputs.limit(file, limit));
        }
    }
    Ok(())
}

/// Gives the large files their contents and offsets. `small` are the files that follow them.
pub(crate) fn place(
    inputs: Inputs<'_>,
    files: &[NodeId],
    small: &[NodeId],
    (comparison, sparse): (&Comparison, &SparseFiles),
    (area, contents): (&mut Area, &mut Contents),
) -> Vec<LargeFile> {
    let is_original = |file: &NodeId| !comparison.same.contains_key(file);
    let originals: Vec<NodeId> = files.iter().copied().filter(is_original).collect();
    let offsets = place_originals(inputs, (&originals, small), sparse, area);
    let location = |file, offset| match sparse.extents(file) {
        None => Location::Direct(offset),
        Some(_) => Location::Sparse(offset),
    };
    let placed = originals.iter().zip(offsets);
    let mut large: Vec<LargeFile> = placed
        .map(|(&file, offset)| LargeFile {
            file,
            offset,
            content: add_content(inputs, file, location(file, offset), contents),
            digest: comparison.digests.get(&file).copied(),
        })
        .collect();
    // The last files are small, so that the threads finish together.
    large.sort_by_key(|large| Reverse(inputs.tree.size(large.file)));
    for (&file, &original) in &comparison.same {
        inputs.observer.advance(inputs.tree.size(file));
        contents.assign(file, contents.of(original));
    }
    large
}

fn place_originals(
    inputs: Inputs<'_>,
    (originals, small): (&[NodeId], &[NodeId]),
    sparse: &SparseFiles,
    area: &mut Area,
) -> Vec<ImageOffset> {
    let lengths: Vec<Large> = originals
        .iter()
        .map(|&file| large_of(inputs, file, sparse))
        .collect();
    let page = inputs.options.page;
    let filler = small
        .iter()
        .map(|&file| page.round_up(inputs.tree.size(file)));
    placement::place(area, &lengths, filler.sum(), inputs.options.huge_align)
}

fn add_content(
    inputs: Inputs<'_>,
    file: NodeId,
    location: Location,
    contents: &mut Contents,
) -> ContentIndex {
    let content = contents.add(Content {
        digest: [0; 32],
        size: inputs.tree.size(file),
        location,
    });
    contents.assign(file, Some(content));
    content
}

/// The length and alignment of a file in the data section.
fn large_of(inputs: Inputs<'_>, file: NodeId, sparse: &SparseFiles) -> Large {
    let page = inputs.options.page;
    match sparse.extents(file) {
        Some(extents) => Large {
            length: extents
                .iter()
                .map(|extent| page.round_up(extent.length))
                .sum(),
            alignment: Alignment::of_sparse(extents, page),
        },
        None => {
            let length = inputs.tree.size(file);
            Large {
                length,
                alignment: Alignment::of_dense(length),
            }
        }
    }
}
