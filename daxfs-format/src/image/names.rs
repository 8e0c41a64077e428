// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory entries and symlinks of an image.

use super::open::Image;
use crate::directory::{Cookie, DirEntry, Directory, ListBuf, Listed, NameBuf, Position};
use crate::error::{Finding, Object, Result};
use crate::hash::{NameHash, Xxh64};
use crate::inode::{Inode, InodeKind, Symlink};
use crate::memory::Memory;
use crate::rule::Rule;

impl<M: Memory, X: Xxh64> Image<M, X> {
    /// Finds the entry with this name. `.` and `..` are not stored, and never found.
    ///
    /// # Errors
    /// A rule that an entry on the way breaks, or a fault of the memory.
    pub fn lookup(&self, directory: &Directory, name: &[u8]) -> Result<Option<DirEntry>> {
        directory.find(&self.memory, name, NameHash::of::<X>(name))
    }

    /// The inode that an entry of `directory` names.
    ///
    /// # Errors
    /// Those of [`Self::inode`] and [`Self::check_child`].
    pub fn child(&self, directory: &Directory, entry: &DirEntry) -> Result<Inode> {
        let inode = self.inode(entry.ino)?;
        self.check_child(directory, entry, &inode.kind)?;
        Ok(inode)
    }

    /// Checks that an entry of `directory` may name an inode of this kind.
    ///
    /// # Errors
    /// [`Rule::EntryType`] if the inode has another type than the entry says, and
    /// [`Rule::DirectoryParent`] if it is a directory with another parent, or the root.
    pub fn check_child(
        &self,
        directory: &Directory,
        entry: &DirEntry,
        kind: &InodeKind,
    ) -> Result<()> {
        if kind.file_type() != entry.file_type {
            let value = entry.file_type.to_entry().into();
            return Err(directory
                .finding(entry.index, 14, Rule::EntryType, value)
                .into());
        }
        match kind {
            InodeKind::Directory(child)
                if child.parent != directory.ino || child.ino == child.parent =>
            {
                Err(Finding::new(
                    Object::Inode(entry.ino.get()),
                    self.inode_offset(entry.ino).saturating_add(52),
                    Rule::DirectoryParent,
                    child.parent.get().into(),
                )
                .into())
            }
            _ => Ok(()),
        }
    }

    /// The position of a cookie: that of the first entry that does not come before it.
    ///
    /// # Errors
    /// A fault of the memory.
    pub fn seek(&self, directory: &Directory, cookie: Cookie) -> Result<Position> {
        directory.seek(&self.memory, cookie)
    }

    /// Copies out and validates the entry at `position` with its name, and advances, also on an
    /// error; `None` at the end. Cookies ascend, from one call to the next and from one
    /// [`Self::seek`] to the next. `buffer` holds copies of the next entries, for the calls that
    /// follow.
    ///
    /// # Errors
    /// A rule that the entry breaks by itself, [`Rule::EntryOrder`], [`Rule::EntryName`], or the
    /// memory's own.
    #[inline]
    pub fn next_entry<'b>(
        &self,
        directory: &Directory,
        position: &mut Position,
        buffer: &'b mut ListBuf,
    ) -> Result<Option<Listed<'b>>> {
        if position.is_at_end(directory) {
            return Ok(None);
        }
        let index = position.index;
        position.index = index.saturating_add(1);
        let raw = directory.list_entry(&self.memory, index, buffer)?;
        let entry = directory.validate(raw, index)?;
        let cookie = position
            .take(entry.hash)
            .ok_or_else(|| directory.finding(index, 0, Rule::EntryOrder, entry.hash.0.into()))?;
        let name = directory.list_name(&self.memory, &entry, buffer)?;
        Ok(Some(Listed {
            entry,
            cookie,
            name,
        }))
    }

    /// Copies out and validates entry `index`, in the order in which entries are stored, or returns
    /// `None` past the end. A broken entry does not hide those after it.
    ///
    /// # Errors
    /// A rule that the entry breaks by itself, or a fault of the memory.
    pub fn entry(&self, directory: &Directory, index: u32) -> Result<Option<DirEntry>> {
        if index >= directory.count {
            return Ok(None);
        }
        let raw = directory.raw_entry(&self.memory, index)?;
        directory.validate(&raw, index).map(Some)
    }

    /// Copies the name of an entry of `directory` into `buffer` and checks that it is valid.
    ///
    /// # Errors
    /// [`Rule::EntryName`], or a fault of the memory.
    pub fn name<'a>(
        &self,
        directory: &Directory,
        entry: &DirEntry,
        buffer: &'a mut NameBuf,
    ) -> Result<&'a [u8]> {
        let name = directory.read_name(&self.memory, entry, buffer)?;
        directory.check_name(entry, name)?;
        Ok(name)
    }

    /// Copies the first bytes of a symlink's target into `buffer` and returns them; a target that
    /// fits has [`Symlink::length`] bytes. It holds no NUL.
    ///
    /// # Errors
    /// [`Rule::SymlinkTarget`], or a fault of the memory.
    pub fn read_link<'a>(&self, link: &Symlink, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = usize::from(link.length).min(buffer.len());
        let target = buffer.get_mut(..length).unwrap_or_default();
        self.memory.read(link.offset, target)?;
        let object = Object::Inode(link.ino.get());
        Finding::require_text(object, Rule::SymlinkTarget, link.offset, target)?;
        Ok(target)
    }
}
