// SPDX-License-Identifier: MIT OR Apache-2.0
//! The superblock: the first 4 KiB of an image, with the section table in it.
//!
//! ```text
//! 0    magic [u8; 8]          8   version_major u16   10  version_minor u16   12  section_count u32
//! 16   compatible u64         24  read_only_compatible u64
//! 32   incompatible u64       40  image_size u64
//! 48   uuid [u8; 16]
//! 64   label [u8; 64]
//! 128  page_shift u8          129 reserved [u8; 3]    132 root u32
//! 136  reserved [u8; 56]
//! 192  sections [RawSection; 60]
//! 4032 reserved [u8; 56]      4088 xxh64 u64, of the 4088 bytes before it
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `raw` | the superblock as it lies in the image |
//! | `copy` | a copy of it, and its validation |
//! | `validated` | a validated superblock |

mod copy;
mod raw;
mod validated;

pub use copy::SuperblockCopy;
pub use raw::{
    RawSuperblock, KNOWN_INCOMPATIBLE, MAGIC, MAX_SECTIONS, SUPERBLOCK_SIZE, VERSION_MAJOR,
    VERSION_MINOR,
};
pub use validated::Superblock;
