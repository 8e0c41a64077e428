// SPDX-License-Identifier: MIT OR Apache-2.0
//! The metadata sections: how long they are, which is known before contents are copied, and their
//! bytes, which are not.

use daxfs_format::digest::{RawDigestHeader, ALGORITHM_SHA256, BLOCK_WHOLE, DIGEST_SIZE};
use daxfs_format::directory::{RawDirEntry, ENTRY_SIZE};
use daxfs_format::extent::{RawExtent, EXTENT_SIZE};
use daxfs_format::inode::{
    RawInode, INODE_SIZE, LAYOUT_DIRECT, LAYOUT_NONE, LAYOUT_PACKED, LAYOUT_SPARSE,
};
use daxfs_format::xattr::{RawXattrHeader, RawXattrSet, HEADER_SIZE, SET_SIZE};
use daxfs_format::SectionKind;
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::contents::{Contents, Place};
use crate::num::{index, len64, round_up};
use crate::options::{Keep, Options};
use crate::tree::{NodeId, NodeKind, Tree};

/// What directory units are padded to.
const UNIT: u64 = 16;

/// The tree in the order of the image.
pub(crate) struct Ordered<'a> {
    pub(crate) tree: &'a Tree,
    /// The nodes in the order of their numbers.
    pub(crate) order: Vec<NodeId>,
    /// The attribute sets in the order of their numbers, as indices from 1 of the scan's.
    sets: Vec<u32>,
    /// The number of each set of the scan.
    set_numbers: Vec<u32>,
    scanned_sets: &'a [Box<[u8]>],
}

impl<'a> Ordered<'a> {
    pub(crate) fn new(tree: &'a Tree, order: Vec<NodeId>, scanned_sets: &'a [Box<[u8]>]) -> Self {
        let mut set_numbers = vec![0; scanned_sets.len() + 1];
        let mut sets = Vec::with_capacity(scanned_sets.len());
        for &node in &order {
            let set = tree.node(node).xattrs;
            if set != 0 && set_numbers[index(set)] == 0 {
                sets.push(set);
                set_numbers[index(set)] = u32::try_from(sets.len()).unwrap_or(u32::MAX);
            }
        }
        Self {
            tree,
            order,
            sets,
            set_numbers,
            scanned_sets,
        }
    }

    fn set(&self, set: u32) -> &[u8] {
        &self.scanned_sets[index(set) - 1]
    }

    /// The length of a metadata section, in bytes. That of the digests is not known here.
    pub(crate) fn length(&self, kind: SectionKind) -> u64 {
        let nodes = self.order.iter().map(|&node| &self.tree.node(node).kind);
        match kind {
            SectionKind::Inodes => (len64(self.order.len()) + 1) * INODE_SIZE,
            SectionKind::Directories => nodes
                .map(|kind| match *kind {
                    NodeKind::Directory { first, count } => {
                        round_up(self.tree.unit_length(first, count), UNIT)
                    }
                    _ => 0,
                })
                .sum(),
            SectionKind::Symlinks => nodes
                .map(|kind| match kind {
                    NodeKind::Symlink(target) => u64::from(target.length),
                    _ => 0,
                })
                .sum(),
            SectionKind::Extents => self
                .tree
                .sparse
                .iter()
                .map(|pieces| len64(pieces.len()) * EXTENT_SIZE)
                .sum(),
            SectionKind::Xattrs if self.sets.is_empty() => 0,
            SectionKind::Xattrs => {
                let sets = self
                    .sets
                    .iter()
                    .map(|&set| SET_SIZE + len64(self.set(set).len()));
                HEADER_SIZE + sets.sum::<u64>()
            }
            SectionKind::Digests | SectionKind::Packed | SectionKind::Data => 0,
        }
    }

    /// The bytes of the xattr section.
    pub(crate) fn xattrs(&self) -> Vec<u8> {
        if self.sets.is_empty() {
            return Vec::new();
        }
        let count = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let header = RawXattrHeader {
            count: count.into(),
            reserved_4: [0; 12],
        };
        let mut bytes = header.as_bytes().to_vec();
        let mut offset = HEADER_SIZE + len64(self.sets.len()) * SET_SIZE;
        for &set in &self.sets {
            let length = len64(self.set(set).len());
            // The section has been refused if it does not fit 32 bits.
            let field = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).into();
            let entry = RawXattrSet {
                offset: field(offset),
                length: field(length),
            };
            bytes.extend_from_slice(entry.as_bytes());
            offset += length;
        }
        for &set in &self.sets {
            bytes.extend_from_slice(self.set(set));
        }
        bytes
    }

    /// The bytes of the directory section.
    pub(crate) fn directories(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(index(self.length(SectionKind::Directories)));
        for &node in &self.order {
            if let NodeKind::Directory { first, count } = self.tree.node(node).kind {
                self.append_unit(first, count, &mut bytes);
            }
        }
        bytes
    }

    fn append_unit(&self, first: u32, count: u32, bytes: &mut Vec<u8>) {
        let children = self.tree.children(first, count);
        // The unit has been refused if it does not fit 32 bits.
        let mut offset = u32::try_from(len64(children.len()) * ENTRY_SIZE).unwrap_or(u32::MAX);
        for entry in children {
            let node = self.tree.node(entry.node);
            let raw = RawDirEntry {
                hash: entry.hash.into(),
                inode: node.ino.into(),
                name_offset: offset.into(),
                name_length: u16::try_from(entry.name.length).unwrap_or(u16::MAX).into(),
                file_type: node.file_type().to_entry(),
                reserved_15: 0,
            };
            bytes.extend_from_slice(raw.as_bytes());
            offset += entry.name.length;
        }
        for entry in children {
            bytes.extend_from_slice(self.tree.name(entry));
        }
        bytes.resize(index(round_up(len64(bytes.len()), UNIT)), 0);
    }

    /// The bytes of the symlink section.
    pub(crate) fn symlinks(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(index(self.length(SectionKind::Symlinks)));
        for &node in &self.order {
            if let NodeKind::Symlink(target) = self.tree.node(node).kind {
                bytes.extend_from_slice(self.tree.target(target));
            }
        }
        bytes
    }

    /// The bytes of the extent section.
    pub(crate) fn extents(&self, contents: &Contents, page: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &node in &self.order {
            let NodeKind::Regular { sparse } = self.tree.node(node).kind else {
                continue;
            };
            let (Some(pieces), Some(content)) =
                (self.tree.pieces(sparse), contents.get(contents.of(node)))
            else {
                continue;
            };
            let (Place::Packed(mut at) | Place::Direct(mut at) | Place::Sparse(mut at)) =
                content.place;
            for &(file_offset, length) in pieces {
                let raw = RawExtent {
                    file_offset: file_offset.into(),
                    offset: at.into(),
                    length: length.into(),
                    reserved_24: 0.into(),
                };
                bytes.extend_from_slice(raw.as_bytes());
                at += round_up(length, page);
            }
        }
        bytes
    }

    /// The bytes of the inode section.
    pub(crate) fn inodes(
        &self,
        options: &Options,
        contents: &Contents,
        numbers: &[u32],
        mut cursors: Cursors,
    ) -> Vec<u8> {
        let mut bytes = vec![0; index(INODE_SIZE)];
        bytes.reserve(self.order.len() * bytes.len());
        for &node in &self.order {
            let mut raw = self.inode(node, options);
            let page = options.page.bytes();
            self.set_place(node, &mut raw, (contents, numbers), page, &mut cursors);
            bytes.extend_from_slice(raw.as_bytes());
        }
        bytes
    }

    /// An inode with what all types have.
    fn inode(&self, id: NodeId, options: &Options) -> RawInode {
        let node = self.tree.node(id);
        let overrides = &options.overrides;
        let mtime = overrides.mtime.apply(node.status.mtime);
        let mut raw = RawInode::new_zeroed();
        raw.mode.set(node.status.mode);
        raw.uid.set(overrides.uid.unwrap_or(node.status.uid));
        raw.gid.set(overrides.gid.unwrap_or(node.status.gid));
        raw.link_count.set(node.links);
        raw.mtime_s.set(mtime.seconds);
        raw.mtime_ns.set(mtime.nanoseconds);
        raw.xattrs.set(self.set_numbers[index(node.xattrs)]);
        raw
    }

    fn set_place(
        &self,
        id: NodeId,
        raw: &mut RawInode,
        (contents, numbers): (&Contents, &[u32]),
        page: u64,
        cursors: &mut Cursors,
    ) {
        let node = self.tree.node(id);
        match node.kind {
            NodeKind::Regular { sparse } => {
                let content = contents.of(id);
                let Some(place) = contents.get(content).map(|content| content.place) else {
                    raw.layout = LAYOUT_NONE;
                    return;
                };
                raw.size.set(node.status.size);
                raw.content.set(numbers[index(content)]);
                let (layout, offset) = match place {
                    Place::Packed(offset) => (LAYOUT_PACKED, offset),
                    Place::Direct(offset) => (LAYOUT_DIRECT, offset),
                    Place::Sparse(_) => {
                        let pieces = self.tree.pieces(sparse).unwrap_or_default();
                        let pages: u64 =
                            pieces.iter().map(|(_, length)| length.div_ceil(page)).sum();
                        let count = pieces.len();
                        raw.count.set(u32::try_from(count).unwrap_or(u32::MAX));
                        raw.link.set(u32::try_from(pages).unwrap_or(u32::MAX));
                        (
                            LAYOUT_SPARSE,
                            cursors.extents.take(len64(count) * EXTENT_SIZE, 1),
                        )
                    }
                };
                raw.layout = layout;
                raw.offset.set(offset);
            }
            NodeKind::Directory { first, count } => {
                let length = self.tree.unit_length(first, count);
                let children = self.tree.children(first, count);
                let subdirectories = children
                    .iter()
                    .filter(|entry| self.tree.node(entry.node).is_directory());
                let links = subdirectories.count() + 2;
                raw.link_count.set(u32::try_from(links).unwrap_or(u32::MAX));
                raw.size.set(length);
                raw.offset.set(cursors.directories.take(length, UNIT));
                raw.count.set(count);
                raw.link.set(self.tree.node(node.parent).ino);
            }
            NodeKind::Symlink(target) => {
                raw.size.set(target.length.into());
                raw.offset
                    .set(cursors.symlinks.take(target.length.into(), 1));
            }
            NodeKind::Device(device) => raw.link.set(device),
            NodeKind::Other => {}
        }
    }

    /// The bytes of the digest section, or none if there are to be none.
    pub(crate) fn digests(
        &self,
        options: &Options,
        contents: &Contents,
        ordered: &[u32],
    ) -> Vec<u8> {
        if matches!(options.digests, Keep::No) || ordered.is_empty() {
            return Vec::new();
        }
        let header = RawDigestHeader {
            algorithm: ALGORITHM_SHA256.into(),
            block_size: BLOCK_WHOLE.into(),
            reserved_8: [0; 24],
        };
        let mut bytes = Vec::with_capacity((ordered.len() + 1) * index(DIGEST_SIZE));
        bytes.extend_from_slice(header.as_bytes());
        for &content in ordered {
            let digest = contents.get(content).map(|content| content.digest);
            bytes.extend_from_slice(&digest.unwrap_or_default());
        }
        bytes
    }
}

/// Where the next object of a section goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor(pub(crate) u64);

impl Cursor {
    /// The place of the next object, and 0 for one without bytes.
    fn take(&mut self, length: u64, unit: u64) -> u64 {
        if length == 0 {
            return 0;
        }
        let at = self.0;
        self.0 += round_up(length, unit);
        at
    }
}

/// Where the next objects go that inodes refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursors {
    pub(crate) directories: Cursor,
    pub(crate) symlinks: Cursor,
    pub(crate) extents: Cursor,
}
