// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small writer of images, independent of `mkdaxfs`: two writers that agree with one reader test
//! the format better than one.
//!
//! It takes a tree built by hand and holds everything in memory. Inode numbers follow the order in
//! which nodes are added, so a directory comes before its entries.
//!
//! | module | owns |
//! |---|---|
//! | `metadata` | directories, symlinks and attribute sets |
//! | `contents` | contents, extents and digests |
//! | `assemble` | the sections as an image |

mod assemble;
mod contents;
mod metadata;

use daxfs_format::extent::RawExtent;
use daxfs_format::inode::{RawInode, LAYOUT_NONE};
use daxfs_format::{FileType, Namespace, Rdev, SectionKind};
use zerocopy::FromZeros as _;

use crate::num::{to_u32, to_usize};

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

/// The sections of an image, as they grow.
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

fn pad(bytes: &mut Vec<u8>, unit: usize) {
    bytes.resize(bytes.len().next_multiple_of(unit), 0);
}
