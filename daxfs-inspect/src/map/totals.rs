// SPDX-License-Identifier: MIT OR Apache-2.0
//! Totals that account for every byte of an image.

use daxfs_image::format::limits::HUGE_PAGE;
use daxfs_image::format::superblock::SUPERBLOCK_SIZE;
use daxfs_image::format::{FileData, Image, Ino, InodeKind, Memory, SectionKind, Xxh64};
use daxfs_image::sharing::Sharing;
use serde::Serialize;

use super::extents::{Layout, Placed};

/// The scope of totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole image.
    Image,
    /// Some files.
    Part,
}

/// Totals, in bytes unless stated otherwise.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// The number of files with bytes.
    pub files: u64,
    /// The sum of their sizes, as if nothing were shared and without holes.
    pub file_bytes: u64,
    /// The number of contents.
    pub contents: u64,
    /// The number of files whose content another file has too.
    pub sharing_files: u64,
    /// The bytes that sharing saved.
    pub shared_bytes: u64,
    /// The direct contents, contiguous and page aligned.
    pub direct: Part,
    /// The packed contents.
    pub packed: Part,
    /// The data of sparse files.
    pub sparse: Part,
    /// The holes of sparse files.
    pub hole_bytes: u64,
    /// The number of 2 MiB pages that map contents.
    pub huge_pages: u64,
    /// The bytes that they map.
    pub huge_bytes: u64,
    /// The totals of the image as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageTotals>,
}

/// The totals of one layout.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Part {
    /// The number of extents.
    pub extents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The padding after them.
    pub padding: u64,
}

/// The totals of a whole image. With the contents and their padding they make up its size.
#[derive(Debug, Serialize)]
pub struct ImageTotals {
    /// The length of the image.
    pub size: u64,
    /// The superblock and the metadata sections.
    pub metadata: u64,
    /// Pages of the data section that hold no content.
    pub unused_pages: u64,
    /// Everything between sections.
    pub gaps: u64,
}

impl Totals {
    /// Sums up extents, which are those of the files for which `is_member` holds.
    pub fn of<M: Memory, X: Xxh64>(
        image: &Image<M, X>,
        placed: &[Placed],
        is_member: impl Fn(Ino) -> bool,
        scope: Scope,
    ) -> Self {
        let page = image.superblock().page_size();
        let part = |layout| Part::of(placed, layout, page);
        let huge_pages = placed.iter().map(Placed::huge_pages).sum();
        let mut totals = Self {
            files: 0,
            file_bytes: 0,
            contents: 0,
            sharing_files: 0,
            shared_bytes: 0,
            direct: part(Layout::Direct),
            packed: part(Layout::Packed),
            sparse: part(Layout::Sparse),
            hole_bytes: 0,
            huge_pages,
            huge_bytes: huge_pages.saturating_mul(HUGE_PAGE),
            image: None,
        };
        totals.count_files(image, is_member);
        if scope == Scope::Image {
            totals.image = Some(totals.image_totals(image));
        }
        totals
    }

    fn count_files<M: Memory, X: Xxh64>(
        &mut self,
        image: &Image<M, X>,
        is_member: impl Fn(Ino) -> bool,
    ) {
        let mut sharing = Sharing::new(image);
        let inodes = || {
            let members = image.inode_numbers().filter(|&ino| is_member(ino));
            members.filter_map(|ino| image.inode(ino).ok())
        };
        for inode in inodes() {
            let Some(content) = inode.content else {
                continue;
            };
            self.files += 1;
            self.file_bytes = self.file_bytes.saturating_add(inode.size);
            if sharing.add(content) == 1 {
                self.contents += 1;
                if matches!(inode.kind, InodeKind::Regular(FileData::Sparse(_))) {
                    self.hole_bytes = self.hole_bytes.saturating_add(inode.size);
                }
            } else {
                self.shared_bytes = self.shared_bytes.saturating_add(inode.size);
            }
        }
        self.hole_bytes = self.hole_bytes.saturating_sub(self.sparse.bytes);
        self.sharing_files = sharing.sharers();
    }

    fn image_totals<M: Memory, X: Xxh64>(&self, image: &Image<M, X>) -> ImageTotals {
        let superblock = image.superblock();
        let sections = superblock.sections();
        let length = |kind| sections.get(kind).map_or(0, |section| section.length);
        let head = u64::try_from(SUPERBLOCK_SIZE).unwrap_or(u64::MAX);
        let metadata: u64 = sections
            .iter()
            .filter(|section| section.kind.is_metadata())
            .map(|section| section.length)
            .sum::<u64>()
            .saturating_add(head);
        let data = length(SectionKind::Data);
        let in_pages = [self.direct, self.sparse].map(|part| part.bytes + part.padding);
        let used: u64 = in_pages.iter().sum();
        let sections = metadata
            .saturating_add(length(SectionKind::Packed))
            .saturating_add(data);
        ImageTotals {
            size: superblock.image_size(),
            metadata,
            unused_pages: data.saturating_sub(used),
            gaps: superblock.image_size().saturating_sub(sections),
        }
    }
}

impl Part {
    fn of(placed: &[Placed], layout: Layout, page: u64) -> Self {
        let mut part = Self::default();
        for extent in placed.iter().filter(|extent| extent.layout == layout) {
            part.extents += 1;
            part.bytes = part.bytes.saturating_add(extent.length);
            part.padding = part.padding.saturating_add(extent.padding(page));
        }
        part
    }
}
