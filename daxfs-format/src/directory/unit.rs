// SPDX-License-Identifier: MIT OR Apache-2.0
//! A directory unit and its entries.

use core::mem::size_of;

use zerocopy::little_endian::{U16, U32};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::name::{is_valid_name, NameBuf};
use crate::error::{Error, Finding, Object, Result};
use crate::hash::NameHash;
use crate::ids::Ino;
use crate::kinds::FileType;
use crate::memory::{read_struct, Memory};
use crate::num::from_usize;
use crate::rule::Rule;

/// The length of a directory entry in bytes.
pub const ENTRY_SIZE: u64 = 16;

/// A directory entry as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawDirEntry {
    /// [`NameHash`] of the name.
    pub hash: U32,
    /// The inode number.
    pub inode: U32,
    /// The offset of the name, in bytes from the start of the unit.
    pub name_offset: U32,
    /// The length of the name in bytes.
    pub name_length: U16,
    /// The file type, [`FileType::to_entry`].
    pub file_type: u8,
    /// Zero.
    pub reserved_15: u8,
}

const _: () = assert!(size_of::<RawDirEntry>() == 16);

/// The unit of a directory: the location of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    pub(crate) ino: Ino,
    pub(crate) parent: Ino,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) count: u32,
}

/// A validated directory entry.
///
/// # Invariants
/// The name has 1 to 255 bytes and lies in the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The number of the inode that it names.
    pub ino: Ino,
    /// The type of that inode.
    pub file_type: FileType,
    /// The hash of the name.
    pub hash: NameHash,
    /// Its index among the entries.
    pub(crate) index: u32,
    pub(crate) name_offset: u32,
    pub(crate) name_length: u8,
}

impl Directory {
    /// The directory's inode number.
    #[must_use]
    pub fn ino(&self) -> Ino {
        self.ino
    }

    /// The inode number of the directory that holds this one; the root is its own.
    #[must_use]
    pub fn parent(&self) -> Ino {
        self.parent
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Returns true if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The offset of the unit, in bytes from the start of the image; 0 without entries.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The length of the unit in bytes.
    #[must_use]
    pub fn unit_length(&self) -> u64 {
        self.length
    }

    /// The offset of entry `index` in the image.
    #[inline]
    pub(crate) fn entry_at(&self, index: u32) -> u64 {
        self.offset
            .saturating_add(u64::from(index).saturating_mul(ENTRY_SIZE))
    }

    pub(crate) fn finding(&self, index: u32, field: u64, rule: Rule, value: u64) -> Finding {
        let object = Object::Entry {
            directory: self.ino,
            index,
        };
        Finding::new(
            object,
            self.entry_at(index).saturating_add(field),
            rule,
            value,
        )
    }

    #[inline]
    pub(crate) fn raw_entry<M: Memory + ?Sized>(
        &self,
        memory: &M,
        index: u32,
    ) -> Result<RawDirEntry> {
        read_struct(memory, self.entry_at(index)).map_err(Error::from)
    }

    /// Validates a copy of entry `index`.
    #[inline]
    pub(crate) fn validate(&self, raw: &RawDirEntry, index: u32) -> Result<DirEntry> {
        let fail = |field, rule, value| Error::from(self.finding(index, field, rule, value));
        let ino = Ino::new(raw.inode.get())
            .ok_or_else(|| fail(4, Rule::EntryInode, raw.inode.get().into()))?;
        let file_type = FileType::from_entry(raw.file_type)
            .ok_or_else(|| fail(14, Rule::EntryType, raw.file_type.into()))?;
        let length = raw.name_length.get();
        let name_length = u8::try_from(length)
            .ok()
            .filter(|&length| length != 0)
            .ok_or_else(|| fail(12, Rule::EntryName, length.into()))?;
        let name_offset = raw.name_offset.get();
        let end = u64::from(name_offset).saturating_add(length.into());
        if end > self.length {
            return Err(fail(8, Rule::DirectoryShape, name_offset.into()));
        }
        let hash = NameHash(raw.hash.get());
        Ok(DirEntry {
            ino,
            file_type,
            hash,
            index,
            name_offset,
            name_length,
        })
    }

    /// Checks that the name of an entry of this directory is valid.
    #[inline]
    pub(crate) fn check_name(&self, entry: &DirEntry, name: &[u8]) -> Result<()> {
        if is_valid_name(name) {
            return Ok(());
        }
        Err(self.name_finding(entry, name).into())
    }

    /// The finding of an invalid name: at its first byte that is invalid in a name, or at its first
    /// byte.
    #[cold]
    fn name_finding(&self, entry: &DirEntry, name: &[u8]) -> Finding {
        let at = name.iter().position(|byte| matches!(byte, 0 | b'/'));
        let at = at.unwrap_or_default();
        let Directory { ino, offset, .. } = *self;
        let offset = offset.saturating_add(entry.name_offset.into());
        let object = Object::Entry {
            directory: ino,
            index: entry.index,
        };
        let value = name.get(at).copied().unwrap_or_default().into();
        Finding::new(
            object,
            offset.saturating_add(from_usize(at)),
            Rule::EntryName,
            value,
        )
    }

    /// Copies the name of an entry of this directory into `buffer`.
    #[inline]
    pub(crate) fn read_name<'a, M: Memory + ?Sized>(
        &self,
        memory: &M,
        entry: &DirEntry,
        buffer: &'a mut NameBuf,
    ) -> Result<&'a [u8]> {
        buffer.length = 0;
        let room = buffer
            .bytes
            .get_mut(..usize::from(entry.name_length))
            .unwrap_or_default();
        memory.read(self.offset.saturating_add(entry.name_offset.into()), room)?;
        buffer.length = entry.name_length;
        Ok(buffer.as_bytes())
    }
}
