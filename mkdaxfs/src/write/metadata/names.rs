// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory and symlink sections.

use daxfs_format::directory::{RawDirEntry, ENTRY_SIZE};
use zerocopy::IntoBytes as _;

use crate::num::{len64, round_up, to_usize};
use crate::plan::ordered::{Ordered, UNIT};
use crate::tree::node::{Entry, NodeKind};
use crate::tree::Tree;

/// The bytes of the directory section.
pub(super) fn directories(ordered: &Ordered<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(to_usize(ordered.directories_length()));
    for &node in &ordered.order {
        if let NodeKind::Directory(children) = ordered.tree.node(node).kind {
            append_unit(ordered.tree, ordered.tree.children(children), &mut bytes);
        }
    }
    bytes
}

fn append_unit(tree: &Tree, children: &[Entry], bytes: &mut Vec<u8>) {
    // A unit whose offsets do not fit 32 bits has been refused.
    let mut offset = u32::try_from(len64(children.len()) * ENTRY_SIZE).unwrap_or(u32::MAX);
    for entry in children {
        bytes.extend_from_slice(raw_entry(tree, entry, offset).as_bytes());
        offset += entry.name.length;
    }
    for entry in children {
        bytes.extend_from_slice(tree.name(entry));
    }
    bytes.resize(to_usize(round_up(len64(bytes.len()), UNIT)), 0);
}

fn raw_entry(tree: &Tree, entry: &Entry, name_offset: u32) -> RawDirEntry {
    let node = tree.node(entry.node);
    RawDirEntry {
        hash: entry.hash.0.into(),
        inode: node.raw_ino().into(),
        name_offset: name_offset.into(),
        name_length: u16::try_from(entry.name.length).unwrap_or(u16::MAX).into(),
        file_type: node.file_type().to_entry(),
        reserved_15: 0,
    }
}

/// The bytes of the symlink section.
pub(super) fn symlinks(ordered: &Ordered<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(to_usize(ordered.symlinks_length()));
    for &node in &ordered.order {
        if let NodeKind::Symlink(target) = ordered.tree.node(node).kind {
            bytes.extend_from_slice(ordered.tree.target(target));
        }
    }
    bytes
}
