// SPDX-License-Identifier: MIT OR Apache-2.0
//! The on-media format of DAXFS.
//!
//! Every structure, every reader and every rule of the format is in this crate. The builder, the
//! checker, the inspector, the kernel module and the fuzzers share it. `docs/format.md` is the
//! normative text; each rule there has a [`Rule`] here.
//!
//! An image is one contiguous range of byte-addressable memory:
//!
//! ```text
//! 0        superblock, with the section table                4096 bytes
//! 4096     metadata sections: inodes, directories, symlinks, xattrs, extents, digests
//!          packed    contents of small files, byte aligned, side by side
//!          data      contents of all other files, page aligned
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`limits`], [`ids`], [`kinds`] | limits, numbers of objects, kinds of files and sections |
//! | [`text`] | hexadecimal digits, UUIDs, digests, the identity of an image |
//! | [`memory`] | the copy-out trait through which everything is read |
//! | [`hash`] | traits for XXH64 and SHA-256, and the name hash |
//! | [`rule`], [`error`] | rules, and the findings and faults that are errors |
//! | [`section`], [`superblock`] | the first 4 KiB |
//! | [`acl`], [`xattr`] | extended attribute sets |
//! | [`extent`] | the extent lists of sparse files |
//! | [`directory`] | directory units: lookup and iteration |
//! | [`inode`] | inodes: raw, and validated by type and layout |
//! | [`digest`] | the digests that name contents |
//! | [`image`] | an opened image, from which the objects are read |
//! | [`content`] | computing the digest of a content |
//! | [`check`] | the complete structural check |
//!
//! A module imports only from modules that are listed before it.
//!
//! # Guarantees
//!
//! The memory may change at any time during a read, and may hold anything. So every value is copied
//! out once, validated, and only the copy is used. No call panics, recurses, allocates or loops for
//! longer than the lengths it has validated. No read goes outside the given memory.
#![cfg_attr(not(any(MODULE, test)), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::as_conversions
    )
)]

pub mod acl;
pub mod check;
pub mod content;
pub mod digest;
pub mod directory;
pub mod error;
pub mod extent;
pub mod hash;
pub mod ids;
pub mod image;
pub mod inode;
pub mod kinds;
pub mod limits;
pub mod memory;
mod num;
pub mod rule;
pub mod section;
pub mod superblock;
pub mod text;
pub mod xattr;

pub use directory::{Cookie, DirEntry, Directory, ListBuf, Listed, NameBuf, Position};
pub use error::{Error, Finding, Object, Result};
pub use extent::{Extent, ExtentList};
pub use hash::{NameHash, Sha256, Xxh64};
pub use ids::{ContentId, Ino, XattrSetId};
pub use image::Image;
pub use inode::{FileData, Inode, InodeKind, RawInode, Rdev, Symlink, Timestamp};
pub use kinds::{FileType, SectionKind};
pub use memory::{Memory, ReadFault};
pub use rule::Rule;
pub use section::{RawSection, Section};
pub use superblock::{RawSuperblock, Superblock};
pub use text::Identity;
pub use xattr::Namespace;
