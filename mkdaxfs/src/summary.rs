// SPDX-License-Identifier: MIT OR Apache-2.0
//! The summary of a build.

use daxfs_format::text::Uuid;
use daxfs_format::FileType;
use serde::Serialize;

use crate::num::len64;
use crate::options::PageSize;
use crate::plan::contents::{Content, Location};
use crate::plan::extents::DataExtent;
use crate::plan::huge;
use crate::plan::offset::ImageOffset;
use crate::tree::node::NodeKind;
use crate::tree::Tree;
use crate::write::passes::ContentsWritten;
use crate::write::seal::Sealed;

/// Counts and lengths of an image. All lengths are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The identity: `sha256:` and the digits of a SHA-256.
    pub identity: String,
    /// The UUID.
    pub uuid: String,
    /// The length of the image.
    pub image_bytes: u64,
    /// Number of names, and the root.
    pub entries: u64,
    /// Inodes: files with several names count once.
    pub inodes: u64,
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Devices, FIFOs and sockets.
    pub special: u64,
    /// The sum of the sizes of all regular files.
    pub content_bytes: u64,
    /// Files that share the content of an earlier one.
    pub shared_files: u64,
    /// The sum of their sizes.
    pub shared_bytes: u64,
    /// Contents in the packed section.
    pub packed_contents: u64,
    /// Their sizes.
    pub packed_bytes: u64,
    /// Files that are stored with holes.
    pub sparse_files: u64,
    /// The bytes of their holes.
    pub hole_bytes: u64,
    /// Zeros between the ends of contents and the ends of their pages.
    pub tail_bytes: u64,
    /// Pages that alignment leaves empty, and the room for digests that shared contents leave.
    pub padding_bytes: u64,
    /// Bytes of contents that can be mapped from the image.
    pub mappable_bytes: u64,
    /// The part of them that can be mapped by huge pages.
    pub huge_bytes: u64,
    /// The superblock and the sections that describe files.
    pub metadata_bytes: u64,
    /// Duration of the build in seconds.
    pub seconds: f64,
}

/// The number of entries, and the sum of the sizes of all regular files.
pub(crate) fn count(tree: &Tree) -> (u64, u64) {
    let files = tree
        .nodes()
        .filter(|(_, node)| matches!(node.kind, NodeKind::Regular));
    let bytes = files.map(|(_, node)| node.status.size).sum();
    (tree.entry_count() + 1, bytes)
}

/// The summary of an image, but for the time.
pub(crate) fn of(tree: &Tree, image: &ContentsWritten, sealed: &Sealed) -> Summary {
    let (entries, content_bytes) = count(tree);
    let mut summary = Summary {
        identity: sealed.identity().to_string(),
        uuid: Uuid(sealed.uuid()).to_string(),
        image_bytes: image.sections.image_size(),
        entries,
        inodes: len64(tree.node_count()),
        content_bytes,
        padding_bytes: image.unused,
        metadata_bytes: image.sections.metadata(),
        ..Summary::default()
    };
    let mut used = vec![false; image.contents.count()];
    for (id, node) in tree.nodes() {
        summary.count_type(node.file_type());
        if let Some(content) = image.contents.of(id) {
            let is_shared = std::mem::replace(&mut used[content.index()], true);
            let content = image.contents.get(content);
            if is_shared {
                summary.add_shared(content);
            } else {
                let extents = image.sparse.extents(id).unwrap_or_default();
                summary.add_content(content, extents, image.sections.page());
            }
        }
    }
    summary
}

impl Summary {
    fn count_type(&mut self, file_type: FileType) {
        *match file_type {
            FileType::Regular => &mut self.files,
            FileType::Directory => &mut self.directories,
            FileType::Symlink => &mut self.symlinks,
            _ => &mut self.special,
        } += 1;
    }

    fn add_shared(&mut self, content: &Content) {
        self.shared_files += 1;
        self.shared_bytes += content.size;
    }

    /// Adds a content, with the extents of a sparse one.
    fn add_content(&mut self, content: &Content, extents: &[DataExtent], page: PageSize) {
        let size = content.size;
        match content.location {
            Location::Packed(_) => {
                self.packed_contents += 1;
                self.packed_bytes += size;
            }
            Location::Direct(offset) => self.add_mapped(&[DataExtent::whole(size)], offset, page),
            Location::Sparse(offset) => {
                let data: u64 = extents.iter().map(|extent| extent.length).sum();
                self.sparse_files += 1;
                self.hole_bytes += size - data;
                self.add_mapped(extents, offset, page);
            }
        }
    }

    /// Adds a content whose extents lie at `offset`, each in pages of its own.
    fn add_mapped(&mut self, extents: &[DataExtent], offset: ImageOffset, page: PageSize) {
        for extent in extents {
            self.tail_bytes += extent.length.wrapping_neg() % page.bytes();
            self.mappable_bytes += extent.length;
        }
        self.huge_bytes += huge::mapped(extents, offset, page);
    }
}
