// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory units: their offset and shape, their entries, and the tree that they make.
//!
//! A directory has a higher number than its parent and is named once, by its parent. So the
//! directories form a tree, whatever else the image states, and no walk is needed to establish
//! that.

use core::mem::offset_of;

use super::checker::{slot, Checker};
use super::report::{check_zero, Outcome, Stop};
use crate::directory::{DirEntry, Directory, NameBuf, RawDirEntry, ENTRY_SIZE};
use crate::error::{Error, Object};
use crate::hash::{NameHash, Xxh64};
use crate::inode::{Inode, RawInode};
use crate::kinds::FileType;
use crate::kinds::SectionKind;
use crate::memory::Memory;
use crate::num::round_up;
use crate::rule::Rule;

/// The state of the pass over the entries of a unit.
struct Progress<'a> {
    /// The expected offset of the next name, from the start of the unit.
    name_offset: u64,
    /// The hash and name of the last entry.
    hash: NameHash,
    name: &'a mut NameBuf,
    /// A buffer for the next name. The two take turns.
    room: &'a mut NameBuf,
    /// The number of entries that are directories.
    subdirectories: u32,
}

impl<M: Memory, X: Xxh64> Checker<'_, '_, '_, M, X> {
    pub(super) fn check_directory(&mut self, inode: &Inode, directory: &Directory) -> Outcome {
        if !self.check_place(directory)? {
            return Ok(());
        }
        let mut progress = Progress {
            name_offset: u64::from(directory.count).saturating_mul(ENTRY_SIZE),
            hash: NameHash(0),
            name: &mut NameBuf::new(),
            room: &mut NameBuf::new(),
            subdirectories: 0,
        };
        for index in 0..directory.count {
            self.check_entry(directory, index, &mut progress)?;
        }
        if progress.name_offset != directory.length {
            let field = offset_of!(RawInode, size);
            let (rule, value) = (Rule::DirectoryShape, directory.length);
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

    /// Checks the offset of a unit. Returns true if its entries may be read: no other unit overlaps
    /// it.
    fn check_place(&mut self, directory: &Directory) -> Result<bool, Stop> {
        if directory.is_empty() {
            return Ok(true);
        }
        let end = directory.offset.saturating_add(directory.length);
        let padded = round_up(end, 4).unwrap_or(end);
        let kind = SectionKind::Directories;
        if !self.take(kind, directory.ino, directory.offset, padded)? {
            return Ok(false);
        }
        let rule = (Object::Inode(directory.ino.get()), Rule::Padding);
        let range = (end, padded);
        check_zero(self.image, range, rule, self.scratch.buffer, self.sink)?;
        Ok(true)
    }

    fn check_entry(
        &mut self,
        directory: &Directory,
        index: u32,
        progress: &mut Progress<'_>,
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
                self.check_name(directory, index, &entry, progress)?;
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
        progress: &mut Progress<'_>,
    ) -> Outcome {
        let fail = |field, rule, value| directory.finding(index, field, rule, value);
        let name = match directory.read_name(self.image.memory(), entry, progress.room) {
            Ok(name) => name,
            Err(error) => return self.report_error(error),
        };
        if let Err(error) = directory.check_name(entry, name) {
            self.report_error(error)?;
        }
        if NameHash::of::<X>(name) != entry.hash {
            self.report(fail(0, Rule::EntryHash, entry.hash.0.into()))?;
        }
        // The empty name that stands before the first entry comes before every name.
        if (progress.hash, progress.name.as_bytes()) >= (entry.hash, name) {
            self.report(fail(0, Rule::EntryOrder, entry.hash.0.into()))?;
        }
        progress.hash = entry.hash;
        core::mem::swap(&mut progress.name, &mut progress.room);
        Ok(())
    }

    fn check_child(
        &mut self,
        directory: &Directory,
        index: u32,
        raw: &RawDirEntry,
        entry: &DirEntry,
        progress: &mut Progress<'_>,
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
