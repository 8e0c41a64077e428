// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals that account for every byte of an image. `docs/json.md` defines the terms.

use daxfs_cli::json;
use daxfs_image::format::limits::HUGE_PAGE;
use daxfs_image::format::superblock::SUPERBLOCK_SIZE;
use daxfs_image::format::{FileData, FileType, Image, Ino, Inode, InodeKind};
use daxfs_image::format::{Memory, SectionKind, Xxh64};
use daxfs_image::sharing::Sharing;

use super::extents::{Layout, Placed};

/// The scope of totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole image.
    Image,
    /// Some files.
    Part,
}

/// The totals of all files for which `is_member` holds, whose extents are `placed`.
#[must_use]
pub fn of<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    placed: &[Placed],
    is_member: impl Fn(Ino) -> bool,
    scope: Scope,
) -> json::Totals {
    let mut totals = json::Totals::default();
    add_extents(&mut totals, placed, image.superblock().page_size());
    count_files(&mut totals, image, is_member);
    if scope == Scope::Image {
        add_image(&mut totals, image);
    }
    totals
}

fn add_extents(totals: &mut json::Totals, placed: &[Placed], page: u64) {
    for extent in placed {
        add(
            match extent.layout {
                Layout::Direct => &mut totals.direct_size,
                Layout::Packed => &mut totals.packed_size,
                Layout::Sparse => &mut totals.sparse_size,
            },
            extent.length,
        );
        add(&mut totals.padding_size, extent.padding(page));
        add(&mut totals.huge_pages, extent.huge_pages());
    }
    totals.huge_size = totals.huge_pages.saturating_mul(HUGE_PAGE);
    totals.mappable_size = totals.direct_size.saturating_add(totals.sparse_size);
    totals.contents_size = totals.mappable_size.saturating_add(totals.packed_size);
}

fn count_files<M: Memory, X: Xxh64>(
    totals: &mut json::Totals,
    image: &Image<M, X>,
    is_member: impl Fn(Ino) -> bool,
) {
    let mut sharing = Sharing::new(image);
    let members = image.inode_numbers().filter(|&ino| is_member(ino));
    for inode in members.filter_map(|ino| image.inode(ino).ok()) {
        if inode.file_type() != FileType::Regular {
            continue;
        }
        totals.files += 1;
        add(&mut totals.files_size, inode.size);
        match inode.content.map(|content| sharing.add(content)) {
            Some(1) => count_content(totals, &inode),
            Some(_) => {
                totals.shared += 1;
                add(&mut totals.shared_size, inode.size);
            }
            None => {}
        }
    }
    totals.holes_size = totals.holes_size.saturating_sub(totals.sparse_size);
}

/// Counts a content that no earlier file has. Of sparse ones `holes_size` has the whole sizes.
fn count_content(totals: &mut json::Totals, inode: &Inode) {
    totals.contents += 1;
    match inode.kind {
        InodeKind::Regular(FileData::Direct { .. }) => totals.direct += 1,
        InodeKind::Regular(FileData::Packed { .. }) => totals.packed += 1,
        InodeKind::Regular(FileData::Sparse(_)) => {
            totals.sparse += 1;
            add(&mut totals.holes_size, inode.size);
        }
        _ => {}
    }
}

/// Adds the bytes that are not contents. With the contents and their padding they make up the size
/// of the image.
fn add_image<M: Memory, X: Xxh64>(totals: &mut json::Totals, image: &Image<M, X>) {
    let superblock = image.superblock();
    let sections = superblock.sections();
    let length = |kind| sections.get(kind).map_or(0, |section| section.length);
    let head = u64::try_from(SUPERBLOCK_SIZE).unwrap_or(u64::MAX);
    let metadata = sections
        .iter()
        .filter(|section| section.kind.is_metadata())
        .map(|section| section.length)
        .fold(head, u64::saturating_add);
    let data = length(SectionKind::Data);
    let used = totals.mappable_size.saturating_add(totals.padding_size);
    let sections = metadata
        .saturating_add(length(SectionKind::Packed))
        .saturating_add(data);
    totals.metadata_size = Some(metadata);
    totals.unused_size = Some(data.saturating_sub(used));
    totals.gaps_size = Some(superblock.image_size().saturating_sub(sections));
}

fn add(sum: &mut u64, number: u64) {
    *sum = sum.saturating_add(number);
}
