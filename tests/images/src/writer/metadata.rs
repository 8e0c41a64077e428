// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directories, symlinks and attribute sets.

use daxfs_format::directory::RawDirEntry;
use daxfs_format::xattr::{RawXattr, RawXattrHeader, RawXattrSet};
use daxfs_format::{NameHash, SectionKind};
use daxfs_image::hash::Xxh64;
use zerocopy::IntoBytes as _;

use super::{pad, Attribute, Body, Node, Writer};
use crate::num::{len64, to_u32, to_usize};

impl Writer<'_> {
    pub(super) fn directories(&mut self) {
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

    pub(super) fn symlinks(&mut self) {
        for (index, node) in self.tree.nodes.iter().enumerate() {
            if let Body::Symlink(target) = &node.body {
                self.inodes[index].size.set(len64(target));
                self.inodes[index].offset.set(len64(&self.symlinks));
                self.bases[index] = Some(SectionKind::Symlinks);
                self.symlinks.extend(target);
            }
        }
    }

    pub(super) fn xattrs(&mut self) {
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
