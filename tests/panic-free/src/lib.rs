// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every reader and every check of `daxfs-format`, instantiated for an opaque memory.
//!
//! The format crate is generic, so its code exists only where it is used. Here all of it is used,
//! and no other code: the references of the compiled library are those of the format crate.
//! `daxfs_hostile::panics` searches them for functions that panic.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt::{self, Write};

use daxfs_format::check::{
    check_data_padding, check_rules, verify_checksums, verify_section_digests, Outcome, Scratch,
    ScratchSize, Sink,
};
use daxfs_format::content::content_digest;
use daxfs_format::directory::Position;
use daxfs_format::image::{Segment, SegmentWalk};
use daxfs_format::superblock::{Superblock, SuperblockCopy};
use daxfs_format::text::{IdentityError, Uuid};
use daxfs_format::xattr::{Xattr, XattrSet, XattrWalk};
use daxfs_format::{
    acl, ContentId, Cookie, DirEntry, Directory, Error, Extent, ExtentList, FileData, Identity,
    Image, Ino, Inode, ListBuf, Memory, NameBuf, Namespace, RawInode, Rdev, Result, Sha256,
    Symlink, XattrSetId, Xxh64,
};

/// A substitute for both hash functions, which must not panic itself.
pub struct Sum(u64);

impl Xxh64 for Sum {
    fn new() -> Self {
        Self(0)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |sum, &byte| sum.rotate_left(5) ^ u64::from(byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Sha256 for Sum {
    fn new() -> Self {
        Self(1)
    }

    fn update(&mut self, bytes: &[u8]) {
        Xxh64::update(self, bytes);
    }

    fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        for (room, byte) in digest.iter_mut().zip(self.0.to_le_bytes()) {
            *room = byte;
        }
        digest
    }
}

/// An image in an opaque memory.
pub type AnyImage<'m> = Image<&'m dyn Memory, Sum>;

macro_rules! instantiate {
    ($($(#[$doc:meta])* fn $name:ident($image:ident $(, $arg:ident: $type:ty)*) -> $result:ty $body:block)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of an image in any memory.")]
            ///
            /// # Errors
            /// Those of the reader.
            #[inline(never)]
            pub fn $name($image: &AnyImage<'_>, $($arg: $type),*) -> $result $body
        )*
    };
}

/// Opens an image.
///
/// # Errors
/// The first rule that it breaks.
#[inline(never)]
pub fn open<'m>(memory: &'m dyn Memory, copy: &mut SuperblockCopy) -> Result<AnyImage<'m>> {
    Image::open(memory, copy)
}

/// Opens an image by a superblock that was validated before.
///
/// # Errors
/// When the memory is too short for it.
#[inline(never)]
pub fn reopen(memory: &dyn Memory, superblock: Superblock) -> Result<AnyImage<'_>> {
    Image::with_superblock(memory, superblock)
}

instantiate! {
    fn raw_inode(image, ino: Ino) -> Result<RawInode> { image.raw_inode(ino) }
    fn inode(image, ino: Ino) -> Result<Inode> { image.inode(ino) }
    fn last(image) -> Option<Ino> { image.inode_numbers().last() }
    fn lookup(image, directory: &Directory, name: &[u8]) -> Result<Option<DirEntry>> {
        image.lookup(directory, name)
    }
    fn child(image, directory: &Directory, entry: &DirEntry) -> Result<Inode> {
        image.child(directory, entry)
    }
    fn seek(image, directory: &Directory, offset: u64) -> Result<Position> {
        image.seek(directory, Cookie::from_offset(offset))
    }
    fn next_entry(
        image,
        directory: &Directory,
        position: &mut Position,
        buffer: &mut ListBuf
    ) -> Result<Option<(u64, usize)>> {
        let next = image.next_entry(directory, position, buffer)?;
        Ok(next.map(|listed| (listed.cookie.next().to_offset(), listed.name.len())))
    }
    fn entry(image, directory: &Directory, index: u32) -> Result<Option<DirEntry>> {
        image.entry(directory, index)
    }
    fn name(image, directory: &Directory, entry: &DirEntry, buffer: &mut NameBuf) -> Result<usize> {
        image.name(directory, entry, buffer).map(<[u8]>::len)
    }
    fn read_link(image, link: &Symlink, buffer: &mut [u8]) -> Result<usize> {
        image.read_link(link, buffer).map(<[u8]>::len)
    }
    fn xattrs(image, id: XattrSetId) -> Result<XattrSet> { image.xattrs(id) }
    fn next_xattr(image, walk: &mut XattrWalk) -> Result<Option<Xattr>> { image.next_xattr(walk) }
    fn find_xattr(image, set: &XattrSet, full: &[u8]) -> Result<Option<Xattr>> {
        match Namespace::split(full) {
            Some((namespace, name)) => image.find_xattr(set, namespace, name),
            None => Ok(None),
        }
    }
    fn xattr_name(image, xattr: &Xattr, buffer: &mut [u8; 255]) -> Result<usize> {
        image.xattr_name(xattr, buffer).map(<[u8]>::len)
    }
    fn xattr_value(image, xattr: &Xattr, buffer: &mut [u8]) -> Result<usize> {
        image.xattr_value(xattr, buffer).map(<[u8]>::len)
    }
    fn extent(image, list: &ExtentList, index: u32) -> Result<Option<Extent>> {
        image.extent(list, index)
    }
    fn segment(image, data: &FileData, size: u64, offset: u64) -> Result<Option<Segment>> {
        image.segment(data, size, offset)
    }
    fn segments(image, data: &FileData, size: u64, offset: u64) -> Result<SegmentWalk> {
        image.segments(data, size, offset)
    }
    fn next_segment(image, walk: &mut SegmentWalk) -> Result<Option<Segment>> {
        image.next_segment(walk)
    }
    fn check_tail(image, ino: Ino, data: &FileData, size: u64) -> Result<()> {
        image.check_tail(ino, data, size)
    }
    fn read(image, data: &FileData, size: u64, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        image.read(data, size, offset, buffer)
    }
    fn digest(image, content: ContentId) -> Result<Option<[u8; 32]>> { image.digest(content) }
    fn digest_content(image, data: &FileData, size: u64, buffer: &mut [u8]) -> Result<[u8; 32]> {
        content_digest::<Sum, _, _>(image, data, size, buffer)
    }
    fn scratch_size(image) -> ScratchSize { ScratchSize::of(image) }
    fn structure(
        image, copy: &SuperblockCopy, scratch: &mut Scratch<'_>, sink: &mut Sink<'_>
    ) -> Outcome {
        check_rules(image, copy, scratch, sink)
    }
    fn padding(image, pages: &[u64], buffer: &mut [u8], sink: &mut Sink<'_>) -> Outcome {
        check_data_padding(image, pages, buffer, sink)
    }
    fn checksums(
        image, copy: &SuperblockCopy, buffer: &mut [u8], sink: &mut Sink<'_>
    ) -> Outcome {
        verify_checksums(image, copy, buffer, sink)?;
        verify_section_digests::<Sum, _, _>(image, copy, buffer, sink)
    }
}

/// The identity of an image.
#[inline(never)]
#[must_use]
pub fn identity(copy: &SuperblockCopy) -> Identity {
    copy.identity::<Sum>()
}

/// The identity in a text.
///
/// # Errors
/// Those of the text.
#[inline(never)]
pub fn parsed_identity(text: &[u8]) -> core::result::Result<Identity, IdentityError> {
    Identity::parse(text)
}

/// Writes an identity and a UUID.
///
/// # Errors
/// Those of the writer.
#[inline(never)]
pub fn names(identity: &Identity, uuid: Uuid, to: &mut dyn Write) -> fmt::Result {
    write!(to, "{identity} {uuid}")
}

/// Returns true if a value is an ACL.
#[inline(never)]
#[must_use]
pub fn is_acl(value: &[u8]) -> bool {
    acl::is_valid_acl(value)
}

/// Encodes a device number and decodes it.
#[inline(never)]
#[must_use]
pub fn device(raw: u32) -> Option<u32> {
    Rdev::decode(raw).encode()
}

/// Writes a message.
///
/// # Errors
/// Those of the writer.
#[inline(never)]
pub fn message(error: &Error, to: &mut dyn Write) -> fmt::Result {
    write!(to, "{error}")
}
