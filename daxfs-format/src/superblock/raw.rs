// SPDX-License-Identifier: MIT OR Apache-2.0
//! The superblock as it lies in the image.

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::IntoBytes;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::hash::Xxh64;
use crate::section::RawSection;

/// The length of the superblock in bytes.
pub const SUPERBLOCK_SIZE: usize = 4096;

/// The first bytes of an image. The byte above 127, the line ends and the end-of-file character
/// reveal a transfer that was not binary, as in the PNG signature (RFC 2083, 12.11).
pub const MAGIC: [u8; 8] = [0xda, b'D', b'A', b'X', b'\r', b'\n', 0x1a, b'\n'];

/// The major version: readers refuse all others.
pub const VERSION_MAJOR: u16 = 1;

/// The minor version: readers accept all others.
pub const VERSION_MINOR: u16 = 0;

/// The incompatible features that this crate knows, of which there are none yet.
pub const KNOWN_INCOMPATIBLE: u64 = 0;

/// The number of entries of the section table.
pub const MAX_SECTIONS: usize = 60;

/// The offset of the section table.
pub(super) const HEADER_SIZE: usize = 192;
const CHECKSUM_OFFSET: usize = 4088;

/// The superblock as it lies in the image.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawSuperblock {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION_MAJOR`].
    pub version_major: U16,
    /// [`VERSION_MINOR`] of the writer.
    pub version_minor: U16,
    /// The number of used entries of `sections`.
    pub section_count: U32,
    /// Features that any reader may ignore.
    pub compatible: U64,
    /// Features that a reader may ignore and a writer may not.
    pub read_only_compatible: U64,
    /// Features that no reader may ignore.
    pub incompatible: U64,
    /// The length of the image in bytes.
    pub image_size: U64,
    /// The UUID, in the byte order of RFC 9562.
    pub uuid: [u8; 16],
    /// The label, padded with zeros.
    pub label: [u8; 64],
    /// The page size of the data alignment, as a power of two.
    pub page_shift: u8,
    /// Zero.
    pub reserved_129: [u8; 3],
    /// The inode number of the root directory.
    pub root: U32,
    /// Zero.
    pub reserved_136: [u8; 56],
    /// The section table.
    pub sections: [RawSection; MAX_SECTIONS],
    /// Zero.
    pub reserved_4032: [u8; 56],
    /// XXH64 of all bytes before this field.
    pub xxh64: U64,
}

const _: () = {
    assert!(size_of::<RawSuperblock>() == SUPERBLOCK_SIZE);
    assert!(offset_of!(RawSuperblock, version_major) == 8);
    assert!(offset_of!(RawSuperblock, section_count) == 12);
    assert!(offset_of!(RawSuperblock, compatible) == 16);
    assert!(offset_of!(RawSuperblock, image_size) == 40);
    assert!(offset_of!(RawSuperblock, uuid) == 48);
    assert!(offset_of!(RawSuperblock, label) == 64);
    assert!(offset_of!(RawSuperblock, page_shift) == 128);
    assert!(offset_of!(RawSuperblock, root) == 132);
    assert!(offset_of!(RawSuperblock, sections) == HEADER_SIZE);
    assert!(offset_of!(RawSuperblock, xxh64) == CHECKSUM_OFFSET);
};

impl RawSuperblock {
    /// The checksum of the other bytes.
    #[must_use]
    pub fn checksum<X: Xxh64>(&self) -> u64 {
        X::oneshot(self.as_bytes().get(..CHECKSUM_OFFSET).unwrap_or_default())
    }
}
