// SPDX-License-Identifier: MIT OR Apache-2.0
//! The structures of the xattr section as they lie in the image.

use core::mem::size_of;

use zerocopy::little_endian::{U16, U32};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::num::from_usize;

/// The header of the xattr section.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattrHeader {
    /// The number of sets.
    pub count: U32,
    /// Zero.
    pub reserved_4: [u8; 12],
}

/// An entry of the table of sets.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattrSet {
    /// The offset of the set, in bytes from the start of the section.
    pub offset: U32,
    /// Its length in bytes.
    pub length: U32,
}

/// The header of an attribute.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawXattr {
    /// The length of the value in bytes.
    pub value_length: U32,
    /// The namespace, [`Namespace::number`](super::Namespace::number).
    pub namespace: u8,
    /// The length of the name in bytes, without the namespace's prefix.
    pub name_length: u8,
    /// Zero.
    pub reserved_6: U16,
}

const _: () = {
    assert!(size_of::<RawXattrHeader>() == 16);
    assert!(size_of::<RawXattrSet>() == 8);
    assert!(size_of::<RawXattr>() == 8);
};

/// The length of the section's header in bytes.
pub const HEADER_SIZE: u64 = 16;
/// The length of an entry of the table of sets in bytes.
pub const SET_SIZE: u64 = 8;
/// The length of an attribute's header in bytes.
pub const XATTR_SIZE: u64 = 8;
/// The least bytes of the section that a set takes: its entry in the table and one attribute.
pub(crate) const LEAST_SET: u64 = 24;
/// The alignment of attributes, as a power of two.
pub const ALIGN_SHIFT: u32 = 3;

const _: () = assert!(from_usize(size_of::<RawXattr>()) == XATTR_SIZE);
