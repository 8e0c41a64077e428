// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sections as an image.

use daxfs_format::superblock::{RawSuperblock, MAGIC, SUPERBLOCK_SIZE, VERSION_MAJOR};
use daxfs_format::SectionKind;
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::{Writer, OPTIONAL_KIND, ROOT};
use crate::num::{from_usize, to_u32, to_usize};

impl Writer<'_> {
    /// Lays the sections out after the superblock and makes every offset relative to the image.
    pub(super) fn assemble(mut self) -> Vec<u8> {
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
            raw.offset.set(from_usize(at));
            raw.length.set(from_usize(length));
            at += length;
            used += 1;
        }
        superblock.section_count.set(to_u32(used));
        let size = at.next_multiple_of(self.page());
        superblock.image_size.set(from_usize(size));
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
