// SPDX-License-Identifier: MIT OR Apache-2.0
//! The limits of the format. Each is enforced by a [`Rule`](crate::Rule) and by the builder.

/// The largest image, in bytes (256 TiB): every sum of two valid offsets fits 64 bits.
pub const MAX_IMAGE_SIZE: u64 = 1 << 48;

/// The largest inode number. The numbers above are for the branches of a region.
pub const MAX_INO: u32 = (1 << 31) - 1;

/// The largest file size in bytes, `loff_t` of Linux.
pub const MAX_FILE_SIZE: u64 = i64::MAX.unsigned_abs();

/// The longest name in a directory, in bytes (`NAME_MAX` of Linux).
pub const MAX_NAME: usize = 255;

/// The longest symlink target in bytes (`PATH_MAX` of Linux without the NUL).
pub const MAX_SYMLINK: u64 = 4095;

/// The largest packed file in bytes.
pub const MAX_PACKED: u64 = 64 * 1024;

/// The longest directory unit in bytes: its name offsets have 32 bits.
pub const MAX_DIRECTORY: u64 = 0xffff_ffff;

/// The largest number of extents of one sparse file.
pub const MAX_EXTENTS: u32 = 1 << 20;

/// The longest extended attribute name with its prefix, in bytes (`XATTR_NAME_MAX` of Linux).
pub const MAX_XATTR_NAME: usize = 255;

/// The largest extended attribute value in bytes (`XATTR_SIZE_MAX` of Linux).
pub const MAX_XATTR_VALUE: u32 = 65536;

/// The longest list of names of one attribute set, each with prefix and NUL (`XATTR_LIST_MAX`).
pub const MAX_XATTR_LIST: u64 = 65536;

/// The smallest and largest page shift: alignment of 4 KiB to 64 KiB.
pub const PAGE_SHIFTS: core::ops::RangeInclusive<u8> = 12..=16;

/// The huge page in bytes: the alignment of large contents, and of an image in memory.
pub const HUGE_PAGE: u64 = 2 << 20;
