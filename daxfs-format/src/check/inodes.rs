// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes one by one with the objects that they refer to, and at the end their link counts.

use core::mem::offset_of;

use zerocopy::IntoBytes;

use super::checker::{inode_field, slot, Checker};
use super::report::Outcome;
use super::xattrs::Acls;
use crate::error::{Finding, Object};
use crate::hash::Xxh64;
use crate::ids::{Ino, XattrSetId};
use crate::inode::{Inode, InodeKind, RawInode, Symlink};
use crate::kinds::FileType;
use crate::kinds::SectionKind;
use crate::memory::{read_struct, Memory};
use crate::num::{from_usize, to_usize};
use crate::rule::Rule;
use crate::superblock::RawSuperblock;

impl<M: Memory, X: Xxh64> Checker<'_, '_, '_, M, X> {
    /// The pass over all inodes in the order of their numbers.
    pub(super) fn check_inodes(&mut self) -> Outcome {
        self.check_inode_zero()?;
        self.check_root()?;
        for ino in self.image.inode_numbers() {
            match self.image.inode(ino) {
                Ok(inode) => self.check_inode(&inode)?,
                Err(error) => self.report_error(error)?,
            }
        }
        Ok(())
    }

    fn check_inode_zero(&mut self) -> Outcome {
        let (offset, _) = self
            .image
            .superblock()
            .sections()
            .range(SectionKind::Inodes);
        let raw: RawInode = read_struct(self.image.memory(), offset)?;
        match Finding::require_zero(Object::Inode(0), Rule::InodeZero, offset, raw.as_bytes()) {
            Err(finding) => self.report(finding),
            Ok(()) => Ok(()),
        }
    }

    fn check_root(&mut self) -> Outcome {
        let root = self.image.superblock().root();
        match self.image.inode(root) {
            Ok(Inode {
                kind: InodeKind::Directory(_),
                ..
            }) => Ok(()),
            Ok(inode) => {
                self.report(self.inode_finding(root, 0, Rule::RootInode, inode.mode.into()))
            }
            // One that exists and is broken is reported in its turn.
            Err(_) if root.get() <= self.image.inode_count() => Ok(()),
            Err(_) => self.report(Finding::new(
                Object::Superblock,
                from_usize(offset_of!(RawSuperblock, root)),
                Rule::InodeNumber,
                root.get().into(),
            )),
        }
    }

    pub(super) fn inode_finding(&self, ino: Ino, field: usize, rule: Rule, value: u64) -> Finding {
        let offset = inode_field(self.image, ino, field);
        Finding::new(Object::Inode(ino.get()), offset, rule, value)
    }

    fn check_inode(&mut self, inode: &Inode) -> Outcome {
        if let Some(set) = inode.xattrs {
            self.check_xattr_reference(inode, set)?;
        }
        match &inode.kind {
            InodeKind::Directory(directory) => self.check_directory(inode, directory),
            InodeKind::Symlink(link) => self.check_symlink(link),
            InodeKind::Regular(data) => self.check_content(inode, data),
            InodeKind::CharDevice(_)
            | InodeKind::BlockDevice(_)
            | InodeKind::Fifo
            | InodeKind::Socket => Ok(()),
        }
    }

    fn check_xattr_reference(&mut self, inode: &Inode, set: XattrSetId) -> Outcome {
        let (number, field) = (set.get(), offset_of!(RawInode, xattrs));
        let rule = if number > self.sets {
            Rule::InodeXattrs
        } else if number > self.sets_used.saturating_add(1) {
            Rule::XattrOrder
        } else {
            self.sets_used = self.sets_used.max(number);
            let index = to_usize(number.saturating_sub(1).into());
            let acls = self.scratch.acls.get(index).copied().unwrap_or_default();
            if Acls::from_scratch(acls).allow(inode.file_type(), inode.mode) {
                return Ok(());
            }
            Rule::InodeAcl
        };
        self.report(self.inode_finding(inode.ino, field, rule, number.into()))
    }

    fn check_symlink(&mut self, link: &Symlink) -> Outcome {
        let end = link.offset.saturating_add(link.length.into());
        if !self.take(SectionKind::Symlinks, link.ino, link.offset, end)? {
            return Ok(());
        }
        match self.image.read_link(link, self.scratch.buffer) {
            Ok(_) => Ok(()),
            Err(error) => self.report_error(error),
        }
    }

    /// Compares every link count with the entries that were seen.
    pub(super) fn check_links(&mut self) -> Outcome {
        let root = self.image.superblock().root();
        for ino in self.image.inode_numbers() {
            let raw = match self.image.raw_inode(ino) {
                Ok(raw) => raw,
                Err(error) => {
                    self.report_error(error)?;
                    continue;
                }
            };
            let seen = slot(self.scratch.links, ino.get()).map_or(0, |links| *links);
            let is_directory = FileType::from_mode(raw.mode.get()) == Some(FileType::Directory);
            let rule = match seen {
                0 if ino == root => continue,
                _ if ino == root => Rule::RootInode,
                0 => Rule::InodeOrphan,
                1 if is_directory => continue,
                _ if is_directory => Rule::DirectoryParent,
                _ if seen == raw.link_count.get() => continue,
                _ => Rule::InodeLinks,
            };
            let field = offset_of!(RawInode, link_count);
            let value = raw.link_count.get().into();
            self.report(self.inode_finding(ino, field, rule, value))?;
        }
        Ok(())
    }
}
