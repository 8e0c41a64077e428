// SPDX-License-Identifier: MIT OR Apache-2.0
//! Inodes: 64 bytes each, at the index of their number in the inode section.
//!
//! ```text
//! 0  mode u16    2  layout u8   3  reserved u8   4  uid u32    8  gid u32    12 link_count u32
//! 16 size u64    24 offset u64
//! 32 mtime_s i64 40 mtime_ns u32                 44 xattrs u32
//! 48 content u32 52 link u32    56 count u32     60 space u16  62 reserved u16
//! ```
//!
//! `offset` counts from the start of the image, so that a byte of a file is found by one addition.
//! Its meaning depends on the type and, for a regular file, on the layout:
//!
//! | type | layout | size | offset | count | link |
//! |---|---|---|---|---|---|
//! | regular, empty | 0 none | 0 | 0 | 0 | 0 |
//! | regular | 1 direct | bytes | page aligned, in the data section | 0 | 0 |
//! | regular | 2 packed | bytes | in the packed section | 0 | 0 |
//! | regular | 3 sparse | bytes | of the extent list, 0 without one | extents | pages of the extents |
//! | directory | 0 | bytes of the unit | of the unit, 0 if empty | entries | the parent's number |
//! | symlink | 0 | bytes of the target | of the target | 0 | 0 |
//! | device | 0 | 0 | 0 | 0 | device number |
//! | FIFO, socket | 0 | 0 | 0 | 0 | 0 |
//!
//! | module | owns |
//! |---|---|
//! | `raw` | an inode as it lies in the image |
//! | `validated` | a validated inode |
//! | `device` | device numbers |
//! | `validate` | the validation of one copy of an inode |

mod device;
mod raw;
mod validate;
mod validated;

pub use device::Rdev;
pub use raw::{RawInode, INODE_SIZE, LAYOUT_DIRECT, LAYOUT_NONE, LAYOUT_PACKED, LAYOUT_SPARSE};
pub use validated::{FileData, Inode, InodeKind, Symlink, Timestamp};
