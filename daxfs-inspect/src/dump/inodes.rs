// SPDX-License-Identifier: MIT OR Apache-2.0
//! The records of inodes, each followed by those of its entries, target or extents.

use std::io;

use daxfs_image::format::directory::{RawDirEntry, ENTRY_SIZE};
use daxfs_image::format::extent::{RawExtent, EXTENT_SIZE};
use daxfs_image::format::inode::LAYOUT_SPARSE;
use daxfs_image::format::limits::MAX_SYMLINK;
use daxfs_image::format::{Error, FileType, Image, Ino, Memory, RawInode, SectionKind, Xxh64};
use zerocopy::{FromBytes, IntoBytes};

use super::record::Dump;

/// Writes all inodes. Faults of the memory go to `faults`.
///
/// # Errors
/// Those of the output.
pub fn dump<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    dump: &mut Dump<'_>,
    faults: &mut Vec<Error>,
) -> io::Result<()> {
    let mut writer = Inodes {
        image,
        dump,
        directories: 0,
        symlinks: 0,
        extents: 0,
    };
    for ino in image.inode_numbers() {
        match image.raw_inode(ino) {
            Ok(raw) => {
                writer.inode(ino, &raw)?;
                if let Err(error) = writer.contents(ino, &raw) {
                    faults.push(error.into_fault()?);
                }
            }
            Err(error) => faults.push(error),
        }
    }
    Ok(())
}

/// The reason for which the records of an inode ended early.
pub(super) enum Interrupted {
    /// The output failed.
    Output(io::Error),
    /// A read failed.
    Memory(Error),
}

impl Interrupted {
    /// The fault of the memory. An error of the output is returned as such.
    pub(super) fn into_fault(self) -> io::Result<Error> {
        match self {
            Self::Output(error) => Err(error),
            Self::Memory(error) => Ok(error),
        }
    }
}

impl From<io::Error> for Interrupted {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<daxfs_image::format::ReadFault> for Interrupted {
    fn from(fault: daxfs_image::format::ReadFault) -> Self {
        Self::Memory(fault.into())
    }
}

/// Copies out a structure, without validation.
pub(super) fn read_raw<T, M>(memory: &M, at: u64) -> Result<T, Interrupted>
where
    T: FromBytes + IntoBytes,
    M: Memory,
{
    let mut value = T::new_zeroed();
    memory.read(at, value.as_mut_bytes())?;
    Ok(value)
}

struct Inodes<'a, 'd, M, X> {
    image: &'a Image<M, X>,
    dump: &'a mut Dump<'d>,
    /// The ends of the last unit, target and list. An object that begins before is not printed:
    /// objects that overlap, which the check reports, could make the dump quadratic in the image.
    directories: u64,
    symlinks: u64,
    extents: u64,
}

impl<M: Memory, X: Xxh64> Inodes<'_, '_, M, X> {
    fn inode(&mut self, ino: Ino, raw: &RawInode) -> io::Result<()> {
        let record = self.dump.record("inode");
        let record = record
            .number("ino", ino.get())
            .word("mode", format_args!("{:06o}", raw.mode.get()))
            .number("layout", raw.layout)
            .nonzero("reserved_3", raw.reserved_3)
            .number("uid", raw.uid.get())
            .number("gid", raw.gid.get())
            .number("link_count", raw.link_count.get())
            .number("size", raw.size.get())
            .number("offset", raw.offset.get())
            .number("mtime_s", raw.mtime_s.get())
            .number("mtime_ns", raw.mtime_ns.get())
            .number("xattrs", raw.xattrs.get())
            .number("content", raw.content.get())
            .number("link", raw.link.get())
            .number("count", raw.count.get())
            .number("space", raw.space.get())
            .nonzero("reserved_62", raw.reserved_62.get());
        self.dump.write(record)
    }

    fn contents(&mut self, ino: Ino, raw: &RawInode) -> Result<(), Interrupted> {
        match FileType::from_mode(raw.mode.get()) {
            Some(FileType::Directory) => self.directory(ino, raw),
            Some(FileType::Symlink) => self.symlink(ino, raw),
            Some(FileType::Regular) if raw.layout == LAYOUT_SPARSE => self.extent_list(ino, raw),
            _ => Ok(()),
        }
    }

    /// Returns true if `length` bytes of an inode lie in the section of a kind, from `after` on.
    fn is_within(&self, kind: SectionKind, raw: &RawInode, length: u64, after: u64) -> bool {
        let section = self.image.superblock().sections().get(kind);
        let offset = raw.offset.get();
        length != 0
            && offset >= after
            && section.is_some_and(|section| section.holds(offset, length))
    }

    fn directory(&mut self, ino: Ino, raw: &RawInode) -> Result<(), Interrupted> {
        let (offset, size) = (raw.offset.get(), raw.size.get());
        let count = raw.count.get();
        let entries = u64::from(count).saturating_mul(ENTRY_SIZE);
        let within = self.is_within(SectionKind::Directories, raw, size, self.directories);
        if !within || entries > size {
            return Ok(());
        }
        self.directories = offset.saturating_add(size);
        for index in 0..count {
            let at = offset.saturating_add(u64::from(index).saturating_mul(ENTRY_SIZE));
            self.entry(ino, index, at, (offset, size))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: Ino,
        index: u32,
        at: u64,
        (unit, length): (u64, u64),
    ) -> Result<(), Interrupted> {
        let raw: RawDirEntry = read_raw(self.image.memory(), at)?;
        let record = self.dump.record("entry");
        let record = record
            .number("directory", directory.get())
            .number("index", index)
            .word("hash", format_args!("{:08x}", raw.hash.get()))
            .number("inode", raw.inode.get())
            .number("type", raw.file_type)
            .number("name_offset", raw.name_offset.get())
            .nonzero("reserved_15", raw.reserved_15);
        let (name_offset, name_length) = (u64::from(raw.name_offset.get()), raw.name_length.get());
        // A name outside of its unit is left out; its length is printed instead.
        let record = if name_offset.saturating_add(name_length.into()) <= length {
            let mut name = vec![0; usize::from(name_length)];
            self.image
                .memory()
                .read(unit.saturating_add(name_offset), &mut name)?;
            record.bytes("name", &name)
        } else {
            record.number("name_length", name_length)
        };
        Ok(self.dump.write(record)?)
    }

    fn symlink(&mut self, ino: Ino, raw: &RawInode) -> Result<(), Interrupted> {
        let (offset, size) = (raw.offset.get(), raw.size.get());
        let within = self.is_within(SectionKind::Symlinks, raw, size, self.symlinks);
        if !within || size > MAX_SYMLINK {
            return Ok(());
        }
        self.symlinks = offset.saturating_add(size);
        let mut target = vec![0; usize::try_from(size).unwrap_or(0)];
        self.image.memory().read(offset, &mut target)?;
        let record = self.dump.record("symlink").number("ino", ino.get());
        Ok(self.dump.write(record.bytes("target", &target))?)
    }

    fn extent_list(&mut self, ino: Ino, raw: &RawInode) -> Result<(), Interrupted> {
        let (offset, count) = (raw.offset.get(), raw.count.get());
        let length = u64::from(count).saturating_mul(EXTENT_SIZE);
        if !self.is_within(SectionKind::Extents, raw, length, self.extents) {
            return Ok(());
        }
        self.extents = offset.saturating_add(length);
        for index in 0..count {
            let at = offset.saturating_add(u64::from(index).saturating_mul(EXTENT_SIZE));
            let raw: RawExtent = read_raw(self.image.memory(), at)?;
            let record = self.dump.record("extent");
            let record = record
                .number("ino", ino.get())
                .number("index", index)
                .number("file_offset", raw.file_offset.get())
                .number("offset", raw.offset.get())
                .number("length", raw.length.get())
                .nonzero("reserved_24", raw.reserved_24.get());
            self.dump.write(record)?;
        }
        Ok(())
    }
}
