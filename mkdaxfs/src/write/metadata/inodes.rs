// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inode section.

use daxfs_format::extent::EXTENT_SIZE;
use daxfs_format::inode::{
    RawInode, INODE_SIZE, LAYOUT_DIRECT, LAYOUT_NONE, LAYOUT_PACKED, LAYOUT_SPARSE,
};
use daxfs_format::SectionKind;
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::num::{len64, round_up, to_usize};
use crate::options::{IdMap, Options};
use crate::plan::contents::{Contents, Location, Numbering};
use crate::plan::extents::SparseFiles;
use crate::plan::offset::ImageOffset;
use crate::plan::ordered::{Ordered, UNIT};
use crate::plan::sections::Sections;
use crate::tree::node::{Children, Node, NodeId, NodeKind};

/// Everything that inodes state.
pub(super) struct Inodes<'a> {
    pub(super) ordered: &'a Ordered<'a>,
    pub(super) options: &'a Options,
    pub(super) contents: &'a Contents,
    pub(super) sparse: &'a SparseFiles,
    pub(super) numbering: &'a Numbering,
}

/// The offset of the next object of a section.
#[derive(Clone, Copy, Debug)]
struct Cursor(ImageOffset);

impl Cursor {
    /// The offset of the next object, as an inode states it: 0 for an object without bytes.
    fn take(&mut self, length: u64, unit: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        let ImageOffset(offset) = self.0;
        self.0 = self.0.after(round_up(length, unit));
        offset
    }
}

/// The offsets of the next objects that inodes refer to, section by section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursors {
    directories: Cursor,
    symlinks: Cursor,
    extents: Cursor,
}

impl Cursors {
    /// Cursors at the starts of the sections.
    pub(super) fn of(sections: &Sections) -> Self {
        let start = |kind| Cursor(sections.range(kind).offset);
        Self {
            directories: start(SectionKind::Directories),
            symlinks: start(SectionKind::Symlinks),
            extents: start(SectionKind::Extents),
        }
    }
}

impl Inodes<'_> {
    /// The bytes of the section.
    pub(super) fn bytes(&self, mut cursors: Cursors) -> Vec<u8> {
        let order = &self.ordered.order;
        let mut bytes = Vec::with_capacity(to_usize(self.ordered.inodes_length()));
        // No inode has the number 0.
        bytes.resize(to_usize(INODE_SIZE), 0);
        for &id in order {
            let node = self.ordered.tree.node(id);
            let mut raw = self.common(node);
            match node.kind {
                NodeKind::Regular => self.set_contents(id, &mut raw, &mut cursors),
                NodeKind::Directory(children) => {
                    self.set_directory(node, children, &mut raw, &mut cursors);
                }
                NodeKind::Symlink(target) => {
                    let length = target.length.into();
                    raw.size.set(length);
                    raw.offset.set(cursors.symlinks.take(length, 1));
                }
                NodeKind::Device(number) => raw.link.set(number),
                NodeKind::Other => {}
            }
            bytes.extend_from_slice(raw.as_bytes());
        }
        bytes
    }

    /// An inode with the fields that all types have.
    fn common(&self, node: &Node) -> RawInode {
        let overrides = &self.options.overrides;
        let mtime = overrides.mtime.apply(node.status.mtime);
        let mut raw = RawInode::new_zeroed();
        raw.mode.set(node.status.mode);
        let ids = &self.options.ids;
        let mapped = |map: &IdMap, id| map.map(id).unwrap_or(id);
        let (uid, gid) = (node.status.uid, node.status.gid);
        raw.uid
            .set(overrides.uid.unwrap_or_else(|| mapped(&ids.uids, uid)));
        raw.gid
            .set(overrides.gid.unwrap_or_else(|| mapped(&ids.gids, gid)));
        raw.link_count.set(node.links);
        raw.mtime_s.set(mtime.seconds);
        raw.mtime_ns.set(mtime.nanoseconds);
        raw.xattrs.set(self.ordered.set_number(node.xattrs));
        raw
    }

    /// States the content of a regular file.
    fn set_contents(&self, id: NodeId, raw: &mut RawInode, cursors: &mut Cursors) {
        let Some(content) = self.contents.of(id) else {
            raw.layout = LAYOUT_NONE;
            return;
        };
        raw.size.set(self.ordered.tree.size(id));
        raw.content.set(self.numbering.of(content));
        let (layout, offset) = match self.contents.get(content).location {
            Location::Packed(offset) => (LAYOUT_PACKED, offset.0),
            Location::Direct(offset) => (LAYOUT_DIRECT, offset.0),
            Location::Sparse(_) => (LAYOUT_SPARSE, self.set_extents(id, raw, cursors)),
        };
        raw.layout = layout;
        raw.offset.set(offset);
    }

    /// States how many extents and pages a sparse file has, and returns the offset of its list.
    fn set_extents(&self, id: NodeId, raw: &mut RawInode, cursors: &mut Cursors) -> u64 {
        let extents = self.sparse.extents(id).unwrap_or_default();
        let page = self.options.page.bytes();
        let pages: u64 = extents
            .iter()
            .map(|extent| extent.length.div_ceil(page))
            .sum();
        raw.count
            .set(u32::try_from(extents.len()).unwrap_or(u32::MAX));
        raw.link.set(u32::try_from(pages).unwrap_or(u32::MAX));
        cursors.extents.take(len64(extents.len()) * EXTENT_SIZE, 1)
    }

    /// States the unit of a directory, its parent, and its link count.
    fn set_directory(
        &self,
        node: &Node,
        children: Children,
        raw: &mut RawInode,
        cursors: &mut Cursors,
    ) {
        let tree = self.ordered.tree;
        let length = tree.unit_length(children);
        let entries = tree.children(children).iter();
        let subdirectories = entries.filter(|entry| tree.node(entry.node).is_directory());
        let links = subdirectories.count() + 2;
        raw.link_count.set(u32::try_from(links).unwrap_or(u32::MAX));
        raw.size.set(length);
        raw.offset.set(cursors.directories.take(length, UNIT));
        raw.count.set(children.count);
        raw.link.set(tree.node(node.parent).raw_ino());
    }
}
