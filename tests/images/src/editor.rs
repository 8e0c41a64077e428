// SPDX-License-Identifier: MIT OR Apache-2.0
//! An editor of images, with their objects by name.
//!
//! Names are looked up in the image as it was at first, so that one change does not affect the
//! offset of the next.

use daxfs_format::directory::RawDirEntry;
use daxfs_format::extent::RawExtent;
use daxfs_format::section::RawSection;
use daxfs_format::superblock::{RawSuperblock, SuperblockCopy};
use daxfs_format::xattr::RawXattrSet;
use daxfs_format::{
    Directory, FileData, Image, Inode, InodeKind, ListBuf, RawInode, Section, SectionKind,
    XattrSetId,
};
use daxfs_image::hash::Xxh64;
use daxfs_image::path;
use zerocopy::{FromBytes, IntoBytes, KnownLayout};

use crate::num::{from_usize, to_u32, to_usize};

/// The checksums that are recomputed after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// All of them.
    All,
    /// The superblock's.
    Superblock,
    /// None.
    Nothing,
}

/// An image to be changed.
pub struct Editor {
    pristine: Vec<u8>,
    /// The image.
    pub bytes: Vec<u8>,
    /// The checksums that [`Editor::finish`] recomputes.
    pub seal: Seal,
}

impl Editor {
    /// Returns an editor of a sound image.
    #[must_use]
    pub fn new(image: Vec<u8>) -> Self {
        Self {
            bytes: image.clone(),
            pristine: image,
            seal: Seal::All,
        }
    }

    /// Returns the changed image.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        match self.seal {
            Seal::All => daxfs_image::seal::seal(&mut self.bytes),
            Seal::Superblock => crate::seal::seal_superblock(&mut self.bytes),
            Seal::Nothing => {}
        }
        self.bytes
    }

    /// The image as it was at first.
    #[must_use]
    pub fn image(&self) -> Image<&[u8], Xxh64> {
        let image = Image::open(&self.pristine[..], &mut SuperblockCopy::zeroed());
        image.expect("editors begin as sound images")
    }

    /// The bytes of the image as it was at first.
    pub(crate) fn pristine(&self) -> &[u8] {
        &self.pristine
    }

    /// The structure at an offset.
    pub fn at<T: FromBytes + IntoBytes + KnownLayout>(&mut self, offset: u64) -> &mut T {
        let start = to_usize(offset);
        let bytes = &mut self.bytes[start..start + size_of::<T>()];
        match T::mut_from_bytes(bytes) {
            Ok(structure) => structure,
            Err(_) => unreachable!("structures of the format have no alignment"),
        }
    }

    /// The byte at an offset.
    pub fn byte(&mut self, offset: u64) -> &mut u8 {
        &mut self.bytes[to_usize(offset)]
    }

    /// The superblock.
    pub fn superblock(&mut self) -> &mut RawSuperblock {
        self.at(0)
    }

    /// The offset and length of a section.
    #[must_use]
    pub fn section(&self, kind: SectionKind) -> Section {
        let image = self.image();
        image
            .superblock()
            .sections()
            .get(kind)
            .expect("a section of the image")
    }

    /// The entry of a section in the section table.
    pub fn section_entry(&mut self, kind: SectionKind) -> &mut RawSection {
        let is_kind = |raw: &RawSection| raw.kind.get() == kind.number();
        let image = RawSuperblock::ref_from_prefix(&self.pristine);
        let (pristine, _) = image.expect("editors begin as sound images");
        let index = pristine.sections.iter().position(is_kind);
        &mut self.superblock().sections[index.expect("a section of the image")]
    }

    /// A validated inode.
    #[must_use]
    pub fn stat(&self, name: &str) -> Inode {
        path::resolve(&self.image(), name.as_bytes()).expect("a path in the image")
    }

    /// The number of an inode.
    #[must_use]
    pub fn ino(&self, name: &str) -> u32 {
        self.stat(name).ino.get()
    }

    /// The offset of an inode.
    #[must_use]
    pub fn inode_at(&self, name: &str) -> u64 {
        self.image().inode_offset(self.stat(name).ino)
    }

    /// An inode.
    pub fn inode(&mut self, name: &str) -> &mut RawInode {
        let at = self.inode_at(name);
        self.at(at)
    }

    /// A directory.
    #[must_use]
    pub fn directory(&self, name: &str) -> Directory {
        match self.stat(name).kind {
            InodeKind::Directory(directory) => directory,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The names of a directory in the order of its entries.
    #[must_use]
    pub fn names(&self, directory: &str) -> Vec<Vec<u8>> {
        let image = self.image();
        let directory = self.directory(directory);
        let mut position = image
            .seek(&directory, daxfs_format::Cookie::START)
            .expect("a position");
        let mut names = Vec::new();
        let mut buffer = ListBuf::new();
        while let Some(listed) = image
            .next_entry(&directory, &mut position, &mut buffer)
            .expect("a name")
        {
            names.push(listed.name.to_vec());
        }
        names
    }

    /// The index of a name among the entries of its directory.
    #[must_use]
    pub fn index(&self, directory: &str, name: &str) -> u32 {
        let names = self.names(directory);
        let index = names.iter().position(|other| other == name.as_bytes());
        to_u32(index.expect("a name in the directory"))
    }

    /// The offset of the entry at an index of a directory.
    #[must_use]
    pub fn entry_offset(&self, directory: &str, index: u32) -> u64 {
        self.directory(directory).offset() + 16 * u64::from(index)
    }

    /// The entry at an index of a directory.
    pub fn entry_at(&mut self, directory: &str, index: u32) -> &mut RawDirEntry {
        let offset = self.entry_offset(directory, index);
        self.at(offset)
    }

    /// The entry of a name.
    pub fn entry(&mut self, directory: &str, name: &str) -> &mut RawDirEntry {
        self.entry_at(directory, self.index(directory, name))
    }

    /// The offset of the name at an index of a directory.
    #[must_use]
    pub fn name_offset(&self, directory: &str, index: u32) -> u64 {
        let entry = to_usize(self.entry_offset(directory, index));
        let (entry, _) = RawDirEntry::ref_from_prefix(&self.pristine[entry..])
            .expect("entries lie in the image");
        self.directory(directory).offset() + u64::from(entry.name_offset.get())
    }

    /// Gives an entry another name of the same length, and its hash.
    pub fn rename(&mut self, directory: &str, name: &str, to: &[u8]) {
        let start = to_usize(self.name_offset(directory, self.index(directory, name)));
        self.bytes[start..start + to.len()].copy_from_slice(to);
        let hash = daxfs_format::NameHash::of::<Xxh64>(to);
        self.entry(directory, name).hash.set(hash.0);
    }

    /// The offset of an extent's record.
    #[must_use]
    pub fn extent_at(&self, file: &str, index: u32) -> u64 {
        match self.stat(file).kind {
            InodeKind::Regular(FileData::Sparse(list)) => list.offset() + 32 * u64::from(index),
            other => panic!("{file} is {other:?}"),
        }
    }

    /// The offset of the bytes of an extent.
    #[must_use]
    pub fn extent_data_at(&self, file: &str, index: u32) -> u64 {
        let record = to_usize(self.extent_at(file, index));
        let (extent, _) =
            RawExtent::ref_from_prefix(&self.pristine[record..]).expect("lists lie in the image");
        extent.offset.get()
    }

    /// An extent of a sparse file.
    pub fn extent(&mut self, file: &str, index: u32) -> &mut RawExtent {
        let at = self.extent_at(file, index);
        self.at(at)
    }

    /// The offset of the bytes of a file or of a symlink's target.
    #[must_use]
    pub fn contents_at(&self, name: &str) -> u64 {
        match self.stat(name).kind {
            InodeKind::Regular(FileData::Direct { offset } | FileData::Packed { offset }) => offset,
            InodeKind::Symlink(link) => link.offset(),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// The table's entry of a set of attributes, by the set's number.
    pub fn xattr_set(&mut self, number: u32) -> &mut RawXattrSet {
        let at = self.section(SectionKind::Xattrs).offset + 16 + 8 * u64::from(number - 1);
        self.at(at)
    }

    /// The offsets of the attributes of a file.
    #[must_use]
    pub fn xattrs_at(&self, file: &str) -> Vec<u64> {
        let image = self.image();
        let set: XattrSetId = self.stat(file).xattrs.expect("a file with attributes");
        let mut walk = image.xattrs(set).expect("a set").walk();
        let mut offsets = Vec::new();
        while let Ok(Some(xattr)) = image.next_xattr(&mut walk) {
            offsets.push(xattr.value_at() - u64::from(xattr.name_length()) - 8);
        }
        offsets
    }

    /// Truncates the image, or appends zeros.
    pub fn resize(&mut self, length: u64) {
        self.bytes.resize(to_usize(length), 0);
    }

    /// The length of the image in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        from_usize(self.bytes.len())
    }
}
