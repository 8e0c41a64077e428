// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections as an image.

use daxfs_format::superblock::{RawSuperblock, MAGIC, SUPERBLOCK_SIZE, VERSION_MAJOR};
use daxfs_format::SectionKind;
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{Writer, OPTIONAL_KIND, ROOT};
use crate::num::{from_usize, to_u32, to_usize};

/// A section: its number and its bytes.
type Section<'a> = (u32, &'a [u8]);

impl Writer<'_> {
    /// Lays the sections out after the superblock and makes every offset relative to the image.
    pub(super) fn assemble(mut self) -> Vec<u8> {
        let mut superblock = self.superblock();
        let blank = self.inode_table();
        self.lay_out(&mut superblock, &self.sections(&blank));
        self.rebase(&superblock);
        let inodes = self.inode_table();
        let mut image = vec![0; to_usize(superblock.image_size.get())];
        image[..SUPERBLOCK_SIZE].copy_from_slice(superblock.as_bytes());
        for (raw, (_, body)) in superblock.sections.iter().zip(self.sections(&inodes)) {
            let start = to_usize(raw.offset.get());
            image[start..start + body.len()].copy_from_slice(body);
        }
        daxfs_image::seal::seal(&mut image);
        image
    }

    /// The inode section: 64 zero bytes for inode 0, then the inodes.
    fn inode_table(&self) -> Vec<u8> {
        let mut table = vec![0; 64];
        table.extend(self.inodes.as_bytes());
        table
    }

    /// The sections that are not empty, in the order of the image.
    fn sections<'a>(&'a self, inodes: &'a [u8]) -> Vec<Section<'a>> {
        let optional: &[u8] = if self.tree.form.optional {
            b"to be ignored"
        } else {
            b""
        };
        let mut sections: Vec<Section<'_>> = vec![
            (SectionKind::Inodes.number(), inodes),
            (SectionKind::Directories.number(), &self.directories),
            (SectionKind::Symlinks.number(), &self.symlinks),
            (SectionKind::Xattrs.number(), &self.xattrs),
            (SectionKind::Extents.number(), self.extents.as_bytes()),
            (SectionKind::Digests.number(), &self.digests),
            (OPTIONAL_KIND, optional),
            (SectionKind::Packed.number(), &self.packed),
            (SectionKind::Data.number(), &self.data),
        ];
        sections.retain(|(_, body)| !body.is_empty());
        sections
    }

    /// States the sections, one after the other, and the size of the image.
    fn lay_out(&self, superblock: &mut RawSuperblock, sections: &[Section<'_>]) {
        let mut at = SUPERBLOCK_SIZE;
        for (raw, &(number, body)) in superblock.sections.iter_mut().zip(sections) {
            let kind = SectionKind::from_number(number);
            let align = kind.map_or(64, |kind| {
                1 << kind.align_shift(self.tree.form.page_shift.into())
            });
            at = at.next_multiple_of(align);
            raw.kind.set(number);
            raw.flags.set(kind.map_or(0, SectionKind::flags));
            raw.offset.set(from_usize(at));
            raw.length.set(from_usize(body.len()));
            at += body.len();
        }
        superblock.section_count.set(to_u32(sections.len()));
        let size = at.next_multiple_of(self.page());
        superblock.image_size.set(from_usize(size));
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
