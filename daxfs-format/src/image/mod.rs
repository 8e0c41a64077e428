// SPDX-License-Identifier: MIT OR Apache-2.0
//! An opened image, from which the objects are read.
//!
//! Every method copies bytes out of the memory, validates the copy and returns it. An argument such
//! as a [`Directory`](crate::Directory) or an [`Inode`](crate::Inode) was validated when it was
//! read. It is used as it is: the memory that it came from is not read again.
//!
//! | module | reads |
//! |---|---|
//! | `open` | superblock and inodes |
//! | `names` | directory entries and symlinks |
//! | `xattrs` | extended attributes |
//! | `data` | the bytes of files |

mod data;
mod names;
mod open;
mod xattrs;

pub use data::{Segment, SegmentWalk};
pub use open::Image;
