// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory units: their place and shape, their entries, and the tree that they make.
//!
//! A directory has a higher number than its parent and is named once, by its parent. So the
//! directories form a tree, whatever else the image says, and nothing has to be walked to know it.

use core::mem::offset_of;

use super::{inode_field, slot, Checker, Outcome};
use crate::directory::{is_valid_name, DirEntry, Directory, NameBuf, RawDirEntry, ENTRY_SIZE};
use crate::error::{Error, Object};
use crate::hash::{NameHash, Xxh64};
use crate::inode::{FileType, Inode, RawInode};
use crate::memory::Memory;
use crate::num::{len64, round_up};
use crate::rule::Rule;

/// What the entries of a unit so far lead to expect of the next one.
struct Progress {
    /// Where its name begins, from the start of the unit.
    name_offset: u64,
    /// What it comes after.
    hash: NameHash,
    name: NameBuf,
    /// How many entries have been directories.
    subdirectories: u32,
}

impl<M: Memory, X: Xxh64> Checker<'_, '_, '_, M, X> {
    pub(super) fn check_directory(&mut self, inode: &Inode, directory: &Directory) -> Outcome {
        self.check_place(directory)?;
        self.check_parent(directory)?;
        let mut progress = Progress {
            name_offset: u64::from(directory.count).saturating_mul(ENTRY_SIZE),
            hash: NameHash(0),
            name: NameBuf::new(),
            subdirectories: 0,
        };
        // Two buffers take turns, so that no name is copied to be remembered.
        let mut name = NameBuf::new();
        for index in 0..directory.count {
            self.check_entry(directory, index, &mut progress, &mut name)?;
            core::mem::swap(&mut progress.name, &mut name);
        }
        if progress.name_offset != directory.length {
            let field = offset_of!(RawInode, size);
            let (rule, value) = (Rule::DirectoryShape, progress.name_offset);
            self.report(self.inode_finding(directory.ino, field, rule, value))?;
        }
        let links = progress.subdirectories.saturating_add(2);
        if inode.link_count != links {
            let field = offset_of!(RawInode, link_count);
            let value = inode.link_count.into();
            self.report(self.inode_finding(directory.ino, field, Rule::InodeLinks, value))?;
        }
        Ok(())
    }

    fn check_place(&mut self, directory: &Directory) -> Outcome {
        if directory.is_empty() {
            return Ok(());
        }
        let end = directory.offset.saturating_add(directory.length);
        let padded = round_up(end, 4).unwrap_or(end);
        let object = Object::Inode(directory.ino.get());
        let field = inode_field(self.image, directory.ino, offset_of!(RawInode, offset));
        if let Some(finding) = self
            .directories
            .take(object, field, directory.offset, padded)
        {
            self.report(finding)?;
        }
        let rule = (object, Rule::Padding);
        super::check_zero(
            self.image,
            (end, padded),
            rule,
            self.scratch.buffer,
            self.sink,
        )
    }

    fn check_parent(&mut self, directory: &Directory) -> Outcome {
        let is_root = directory.ino == self.image.superblock().root();
        let holds = if is_root {
            directory.parent == directory.ino
        } else {
            directory.parent < directory.ino
        };
        if holds {
            return Ok(());
        }
        let (field, value) = (offset_of!(RawInode, link), directory.parent.get().into());
        self.report(self.inode_finding(directory.ino, field, Rule::DirectoryParent, value))
    }

    fn check_entry(
        &mut self,
        directory: &Directory,
        index: u32,
        progress: &mut Progress,
        name: &mut NameBuf,
    ) -> Outcome {
        let fail = |field, rule, value| directory.finding(index, field, rule, value);
        let raw = match directory.raw_entry(self.image.memory(), index) {
            Ok(raw) => raw,
            Err(error) => return self.report_error(error),
        };
        if raw.reserved_15 != 0 {
            self.report(fail(15, Rule::EntryReserved, raw.reserved_15.into()))?;
        }
        let offset = u64::from(raw.name_offset.get());
        if offset != progress.name_offset {
            self.report(fail(8, Rule::DirectoryShape, offset))?;
        }
        progress.name_offset = offset.saturating_add(raw.name_length.get().into());
        match directory.validate(&raw, index) {
            Ok(entry) => {
                self.check_name(directory, index, &entry, progress, name)?;
                self.check_child(directory, index, &raw, &entry, progress)
            }
            Err(error) => self.report_error(error),
        }
    }

    fn check_name(
        &mut self,
        directory: &Directory,
        index: u32,
        entry: &DirEntry,
        progress: &mut Progress,
        buffer: &mut NameBuf,
    ) -> Outcome {
        let fail = |field, rule, value| directory.finding(index, field, rule, value);
        let name = match directory.read_name(self.image.memory(), entry, buffer) {
            Ok(name) => name,
            Err(error) => return self.report_error(error),
        };
        if !is_valid_name(name) {
            self.report(fail(8, Rule::EntryName, len64(name)))?;
        }
        if NameHash::of::<X>(name) != entry.hash {
            self.report(fail(0, Rule::EntryHash, entry.hash.0.into()))?;
        }
        // The empty name that stands before the first entry comes before every name.
        if (progress.hash, progress.name.as_bytes()) >= (entry.hash, name) {
            self.report(fail(0, Rule::EntryOrder, entry.hash.0.into()))?;
        }
        progress.hash = entry.hash;
        Ok(())
    }

    fn check_child(
        &mut self,
        directory: &Directory,
        index: u32,
        raw: &RawDirEntry,
        entry: &DirEntry,
        progress: &mut Progress,
    ) -> Outcome {
        let fail = |field, rule, value| directory.finding(index, field, rule, value);
        let child = match self.image.raw_inode(entry.ino) {
            Ok(child) => child,
            Err(Error::Memory(fault)) => return Err(fault.into()),
            Err(_) => return self.report(fail(4, Rule::EntryInode, raw.inode.get().into())),
        };
        if let Some(links) = slot(self.scratch.links, entry.ino.get()) {
            *links = links.saturating_add(1);
        }
        // An inode without a type is reported as such.
        let file_type = FileType::from_mode(child.mode.get());
        if file_type.is_some_and(|file_type| file_type != entry.file_type) {
            self.report(fail(14, Rule::EntryType, raw.file_type.into()))?;
        }
        if file_type == Some(FileType::Directory) {
            progress.subdirectories = progress.subdirectories.saturating_add(1);
            if child.link.get() != directory.ino.get() || entry.ino <= directory.ino {
                self.report(fail(4, Rule::DirectoryParent, raw.inode.get().into()))?;
            }
        }
        Ok(())
    }
}
