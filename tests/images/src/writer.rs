// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small writer of images, independent of `mkdaxfs`: two writers that agree with one reader test
//! the format better than one.
//!
//! It takes a tree built by hand and holds everything in memory. Inode numbers follow the order in
//! which nodes are added, so a directory comes before its entries.

use daxfs_format::digest::{RawDigestHeader, ALGORITHM_SHA256, BLOCK_WHOLE};
use daxfs_format::directory::RawDirEntry;
use daxfs_format::extent::RawExtent;
use daxfs_format::inode::{RawInode, LAYOUT_DIRECT, LAYOUT_NONE, LAYOUT_PACKED, LAYOUT_SPARSE};
use daxfs_format::superblock::{RawSuperblock, MAGIC, SUPERBLOCK_SIZE, VERSION_MAJOR};
use daxfs_format::xattr::{RawXattr, RawXattrHeader, RawXattrSet};
use daxfs_format::{FileType, NameHash, Namespace, Rdev, SectionKind, Sha256 as _};
use daxfs_image::hash::{Sha256, Xxh64};
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::num::{len64, to_u32, to_usize};

/// The kind number of the section that no version knows and that any may ignore.
pub const OPTIONAL_KIND: u32 = 127;

/// The type of a node, with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A regular file without bytes.
    Empty,
    /// A regular file on pages of its own.
    Direct(Vec<u8>),
    /// A regular file in the packed section.
    Packed(Vec<u8>),
    /// A regular file of `size` bytes of which only the extents exist, as (file offset, bytes).
    Sparse {
        /// The size with all holes.
        size: u64,
        /// The extents, ascending.
        extents: Vec<(u64, Vec<u8>)>,
    },
    /// A directory; its entries are added one by one.
    Directory,
    /// A symlink to this target.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(Rdev),
    /// A block device.
    BlockDevice(Rdev),
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
}

impl Body {
    fn file_type(&self) -> FileType {
        match self {
            Self::Empty | Self::Direct(_) | Self::Packed(_) | Self::Sparse { .. } => {
                FileType::Regular
            }
            Self::Directory => FileType::Directory,
            Self::Symlink(_) => FileType::Symlink,
            Self::CharDevice(_) => FileType::CharDevice,
            Self::BlockDevice(_) => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}

/// An attribute: namespace, name after the prefix, value.
pub type Attribute = (Namespace, Vec<u8>, Vec<u8>);

/// An inode to be written.
#[derive(Clone, Debug)]
pub struct Node {
    /// The lower twelve bits of the mode.
    pub permissions: u16,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The modification time, seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// The attributes, in any order.
    pub xattrs: Vec<Attribute>,
    body: Body,
    entries: Vec<(Vec<u8>, u32)>,
    parent: u32,
}

/// The form of an image.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The page as a power of two.
    pub page_shift: u8,
    /// Selects a digest section.
    pub digests: bool,
    /// Selects a section of an unknown kind that may be ignored.
    pub optional: bool,
    /// Selects a page in the data section that no content uses.
    pub free_page: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            page_shift: 12,
            digests: true,
            optional: false,
            free_page: false,
        }
    }
}

/// A tree to be written as an image.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    /// The form of the image.
    pub form: Form,
}

/// The inode number of a tree's root.
pub const ROOT: u32 = 1;

impl Tree {
    /// A tree with nothing but its root.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            nodes: vec![Node::new(Body::Directory, ROOT)],
            form,
        }
    }

    /// Adds an entry of a new inode and returns the inode's number.
    pub fn add(&mut self, parent: u32, name: &[u8], body: Body) -> u32 {
        self.nodes.push(Node::new(body, parent));
        let ino = to_u32(self.nodes.len());
        self.link(parent, name, ino);
        ino
    }

    /// Adds an entry of an inode that exists.
    pub fn link(&mut self, parent: u32, name: &[u8], ino: u32) {
        self.node(parent).entries.push((name.to_vec(), ino));
    }

    /// The inode with this number.
    pub fn node(&mut self, ino: u32) -> &mut Node {
        &mut self.nodes[to_usize(ino.into()) - 1]
    }

    /// The image, sealed.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new(self);
        writer.directories();
        writer.symlinks();
        writer.xattrs();
        writer.contents();
        writer.assemble()
    }
}

impl Node {
    fn new(body: Body, parent: u32) -> Self {
        Self {
            permissions: 0o755,
            uid: 0,
            gid: 0,
            mtime: (1_700_000_000, 0),
            xattrs: Vec::new(),
            body,
            entries: Vec::new(),
            parent,
        }
    }
}

struct Writer<'t> {
    tree: &'t Tree,
    inodes: Vec<RawInode>,
    /// The section that each inode's offset is relative to, until they are laid out.
    bases: Vec<Option<SectionKind>>,
    directories: Vec<u8>,
    symlinks: Vec<u8>,
    xattrs: Vec<u8>,
    extents: Vec<RawExtent>,
    digests: Vec<u8>,
    packed: Vec<u8>,
    data: Vec<u8>,
    contents: Vec<(Body, u64)>,
}

impl<'t> Writer<'t> {
    fn new(tree: &'t Tree) -> Self {
        let inodes: Vec<_> = tree.nodes.iter().map(raw_inode).collect();
        Self {
            tree,
            bases: vec![None; inodes.len()],
            inodes,
            directories: Vec::new(),
            symlinks: Vec::new(),
            xattrs: Vec::new(),
            extents: Vec::new(),
            digests: Vec::new(),
            packed: Vec::new(),
            data: Vec::new(),
            contents: Vec::new(),
        }
    }

    fn page(&self) -> usize {
        1 << self.tree.form.page_shift
    }

    fn directories(&mut self) {
        for (index, node) in self.tree.nodes.iter().enumerate() {
            if node.body != Body::Directory {
                continue;
            }
            let children = node.entries.iter().map(|&(_, child)| child);
            let is_directory =
                |ino: &u32| self.tree.nodes[to_usize((*ino).into()) - 1].body == Body::Directory;
            let links = 2 + children.filter(is_directory).count();
            self.inodes[index].link_count.set(to_u32(links));
            self.inodes[index].link.set(node.parent);
            for &(_, child) in &node.entries {
                let child = to_usize(child.into()) - 1;
                if self.tree.nodes[child].body != Body::Directory {
                    let links = &mut self.inodes[child].link_count;
                    links.set(links.get() + 1);
                }
            }
            if node.entries.is_empty() {
                continue;
            }
            let unit = self.unit(node);
            self.inodes[index].count.set(to_u32(node.entries.len()));
            self.inodes[index].size.set(len64(&unit));
            self.inodes[index].offset.set(len64(&self.directories));
            self.bases[index] = Some(SectionKind::Directories);
            self.directories.extend(unit);
            pad(&mut self.directories, 16);
        }
    }

    fn unit(&self, node: &Node) -> Vec<u8> {
        let mut entries: Vec<_> = node
            .entries
            .iter()
            .map(|(name, ino)| (NameHash::of::<Xxh64>(name), name, *ino))
            .collect();
        entries.sort();
        let mut name_offset = entries.len() * 16;
        let (mut unit, mut names) = (Vec::new(), Vec::<u8>::new());
        for (hash, name, ino) in entries {
            let file_type = self.tree.nodes[to_usize(ino.into()) - 1].body.file_type();
            let raw = RawDirEntry {
                hash: hash.0.into(),
                inode: ino.into(),
                name_offset: to_u32(name_offset).into(),
                name_length: u16::try_from(name.len()).expect("a name").into(),
                file_type: file_type.to_entry(),
                reserved_15: 0,
            };
            unit.extend(raw.as_bytes());
            names.extend(name);
            name_offset += name.len();
        }
        unit.extend(names);
        unit
    }

    fn symlinks(&mut self) {
        for (index, node) in self.tree.nodes.iter().enumerate() {
            if let Body::Symlink(target) = &node.body {
                self.inodes[index].size.set(len64(target));
                self.inodes[index].offset.set(len64(&self.symlinks));
                self.bases[index] = Some(SectionKind::Symlinks);
                self.symlinks.extend(target);
            }
        }
    }

    fn xattrs(&mut self) {
        let mut sets: Vec<Vec<Attribute>> = Vec::new();
        for (node, inode) in self.tree.nodes.iter().zip(&mut self.inodes) {
            if node.xattrs.is_empty() {
                continue;
            }
            let mut set = node.xattrs.clone();
            set.sort();
            let number = sets.iter().position(|other| *other == set);
            let number = number.unwrap_or_else(|| {
                sets.push(set);
                sets.len() - 1
            });
            inode.xattrs.set(to_u32(number + 1));
        }
        if sets.is_empty() {
            return;
        }
        let header = RawXattrHeader {
            count: to_u32(sets.len()).into(),
            reserved_4: [0; 12],
        };
        let mut table = header.as_bytes().to_vec();
        let mut body = Vec::new();
        for set in &sets {
            let start = body.len();
            for attribute in set {
                put_attribute(&mut body, attribute);
            }
            let raw = RawXattrSet {
                offset: to_u32(16 + 8 * sets.len() + start).into(),
                length: to_u32(body.len() - start).into(),
            };
            table.extend(raw.as_bytes());
        }
        self.xattrs = [table, body].concat();
    }

    fn contents(&mut self) {
        let tree = self.tree;
        for (index, node) in tree.nodes.iter().enumerate() {
            let (size, layout, base) = match &node.body {
                Body::Direct(bytes) => (len64(bytes), LAYOUT_DIRECT, Some(SectionKind::Data)),
                Body::Packed(bytes) => (len64(bytes), LAYOUT_PACKED, Some(SectionKind::Packed)),
                Body::Sparse { size, extents } => {
                    let listed = (!extents.is_empty()).then_some(SectionKind::Extents);
                    let page = self.page();
                    let pages = extents.iter().map(|(_, bytes)| bytes.len().div_ceil(page));
                    self.inodes[index].link.set(to_u32(pages.sum()));
                    self.inodes[index].count.set(to_u32(extents.len()));
                    (*size, LAYOUT_SPARSE, listed)
                }
                _ => continue,
            };
            let (number, offset) = self.content(&node.body);
            let inode = &mut self.inodes[index];
            inode.size.set(size);
            inode.layout = layout;
            inode.content.set(number);
            inode.offset.set(offset);
            self.bases[index] = base;
        }
        if tree.form.free_page {
            self.data.resize(self.data.len() + self.page(), 0);
        }
        if tree.form.digests && !self.contents.is_empty() {
            let header = RawDigestHeader {
                algorithm: ALGORITHM_SHA256.into(),
                block_size: BLOCK_WHOLE.into(),
                reserved_8: [0; 24],
            };
            self.digests = header.as_bytes().to_vec();
            for (body, _) in &self.contents {
                self.digests.extend(digest(body));
            }
        }
    }

    /// Returns the number of a content and its offset in its section.
    fn content(&mut self, body: &Body) -> (u32, u64) {
        let shareable = !matches!(body, Body::Sparse { .. });
        let known = self.contents.iter().position(|(other, _)| other == body);
        if let Some(index) = known.filter(|_| shareable) {
            return (to_u32(index + 1), self.contents[index].1);
        }
        let offset = match body {
            Body::Packed(bytes) => {
                self.packed.extend(bytes);
                len64(&self.packed) - len64(bytes)
            }
            Body::Sparse { extents, .. } => self.extents(extents),
            Body::Direct(bytes) => self.pages(bytes),
            _ => 0,
        };
        self.contents.push((body.clone(), offset));
        (to_u32(self.contents.len()), offset)
    }

    fn extents(&mut self, extents: &[(u64, Vec<u8>)]) -> u64 {
        if extents.is_empty() {
            return 0;
        }
        let list = len64(self.extents.as_bytes());
        for (file_offset, bytes) in extents {
            let raw = RawExtent {
                file_offset: (*file_offset).into(),
                offset: self.pages(bytes).into(),
                length: len64(bytes).into(),
                reserved_24: 0.into(),
            };
            self.extents.push(raw);
        }
        list
    }

    fn pages(&mut self, bytes: &[u8]) -> u64 {
        let at = len64(&self.data);
        self.data.extend(bytes);
        let page = self.page();
        pad(&mut self.data, page);
        at
    }

    /// Lays the sections out after the superblock and makes every offset relative to the image.
    fn assemble(mut self) -> Vec<u8> {
        let optional = if self.tree.form.optional {
            b"to be ignored".to_vec()
        } else {
            Vec::new()
        };
        let lengths = [
            (SectionKind::Inodes.number(), 64 * (self.inodes.len() + 1)),
            (SectionKind::Directories.number(), self.directories.len()),
            (SectionKind::Symlinks.number(), self.symlinks.len()),
            (SectionKind::Xattrs.number(), self.xattrs.len()),
            (SectionKind::Extents.number(), self.extents.as_bytes().len()),
            (SectionKind::Digests.number(), self.digests.len()),
            (OPTIONAL_KIND, optional.len()),
            (SectionKind::Packed.number(), self.packed.len()),
            (SectionKind::Data.number(), self.data.len()),
        ];
        let mut superblock = self.superblock();
        let (mut at, mut used) = (SUPERBLOCK_SIZE, 0);
        for (number, length) in lengths.into_iter().filter(|&(_, length)| length != 0) {
            let kind = SectionKind::from_number(number);
            let align = kind.map_or(64, |kind| {
                1 << kind.align_shift(self.tree.form.page_shift.into())
            });
            at = at.next_multiple_of(align);
            let raw = &mut superblock.sections[used];
            raw.kind.set(number);
            raw.flags.set(kind.map_or(0, SectionKind::flags));
            raw.offset.set(crate::num::from_usize(at));
            raw.length.set(crate::num::from_usize(length));
            at += length;
            used += 1;
        }
        superblock.section_count.set(to_u32(used));
        let size = at.next_multiple_of(self.page());
        superblock.image_size.set(crate::num::from_usize(size));
        self.rebase(&superblock);
        let mut inodes = vec![0; 64];
        inodes.extend(self.inodes.as_bytes());
        let bodies = [
            &inodes[..],
            &self.directories,
            &self.symlinks,
            &self.xattrs,
            self.extents.as_bytes(),
            &self.digests,
            &optional,
            &self.packed,
            &self.data,
        ];
        let mut image = vec![0; size];
        image[..SUPERBLOCK_SIZE].copy_from_slice(superblock.as_bytes());
        let bodies = bodies.into_iter().filter(|body| !body.is_empty());
        for (raw, body) in superblock.sections.iter().zip(bodies) {
            let start = to_usize(raw.offset.get());
            image[start..start + body.len()].copy_from_slice(body);
        }
        daxfs_image::seal::seal(&mut image);
        image
    }

    fn superblock(&self) -> RawSuperblock {
        let mut superblock = RawSuperblock::new_zeroed();
        superblock.magic = MAGIC;
        superblock.version_major.set(VERSION_MAJOR);
        superblock.uuid = *b"hostile\0daxfs\x80\0\x01";
        superblock.label[..9].copy_from_slice(b"reference");
        superblock.page_shift = self.tree.form.page_shift;
        superblock.root.set(ROOT);
        superblock
    }

    fn rebase(&mut self, superblock: &RawSuperblock) {
        let start = |kind: SectionKind| {
            let sections = superblock.sections.iter();
            let mut found = sections.filter(|raw| raw.kind.get() == kind.number());
            found.next().map_or(0, |raw| raw.offset.get())
        };
        for (inode, base) in self.inodes.iter_mut().zip(&self.bases) {
            if let Some(kind) = base {
                inode.offset.set(inode.offset.get() + start(*kind));
            }
        }
        for extent in &mut self.extents {
            extent
                .offset
                .set(extent.offset.get() + start(SectionKind::Data));
        }
    }
}

fn raw_inode(node: &Node) -> RawInode {
    let mut raw = RawInode::new_zeroed();
    let file_type = node.body.file_type();
    raw.mode.set(file_type.to_mode() | node.permissions);
    raw.layout = LAYOUT_NONE;
    raw.uid.set(node.uid);
    raw.gid.set(node.gid);
    raw.mtime_s.set(node.mtime.0);
    raw.mtime_ns.set(node.mtime.1);
    if let Body::CharDevice(rdev) | Body::BlockDevice(rdev) = node.body {
        raw.link.set(rdev.encode().expect("a device number"));
    }
    raw
}

fn put_attribute(set: &mut Vec<u8>, (namespace, name, value): &Attribute) {
    let raw = RawXattr {
        value_length: to_u32(value.len()).into(),
        namespace: namespace.number(),
        name_length: u8::try_from(name.len()).expect("an attribute's name"),
        reserved_6: 0.into(),
    };
    set.extend(raw.as_bytes());
    set.extend(name);
    set.extend(value);
    pad(set, 8);
}

fn pad(bytes: &mut Vec<u8>, unit: usize) {
    bytes.resize(bytes.len().next_multiple_of(unit), 0);
}

/// The digest of a content, from the text of the specification and not by the reader's code.
fn digest(body: &Body) -> [u8; 32] {
    let mut hash = Sha256::new();
    match body {
        Body::Direct(bytes) | Body::Packed(bytes) => hash.update(bytes),
        Body::Sparse { size, extents } => {
            hash.update(&size.to_le_bytes());
            for (file_offset, bytes) in extents {
                hash.update(&file_offset.to_le_bytes());
                hash.update(&len64(bytes).to_le_bytes());
                hash.update(bytes);
            }
        }
        _ => {}
    }
    hash.finish()
}
