// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contents, extents and digests.

use daxfs_format::digest::{RawDigestHeader, ALGORITHM_SHA256, BLOCK_WHOLE};
use daxfs_format::extent::RawExtent;
use daxfs_format::inode::{LAYOUT_DIRECT, LAYOUT_PACKED, LAYOUT_SPARSE};
use daxfs_format::{SectionKind, Sha256 as _};
use daxfs_image::hash::Sha256;
use zerocopy::IntoBytes as _;

use super::{pad, Body, Writer};
use crate::num::{len64, to_u32};

impl Writer<'_> {
    pub(super) fn contents(&mut self) {
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
