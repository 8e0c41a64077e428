// SPDX-License-Identifier: GPL-2.0-only
//! The file system: each file implements the traits of [`sys::fs`](crate::sys::fs) for one subject.
//!
//! | module | owns |
//! |---|---|
//! | [`mount`] | finding, filling, changing and describing superblocks |
//! | [`context`] | parameters of mount contexts |
//! | [`inode`] | in-core inodes: the image's inodes, copied and validated once |
//! | [`attr`] | attributes of stat(2), ACLs |
//! | [`xattr`] | extended attributes |
//! | [`dir`] | directories |
//! | [`symlink`] | symbolic links |
//! | [`file`] | regular files: reading, and the kinds of their mappings |
//! | [`extents`] | regular files: seeking, the map of extents |
//! | [`map`] | faults in mappings that show the memory |
//! | [`status`] | the state of mounts in sysfs, and the label |
//! | [`export`] | file handles |
//! | [`unmap`] | taking poisoned pages out of mappings |
#![forbid(unsafe_code)]

mod attr;
mod context;
mod dir;
mod export;
mod extents;
mod file;
mod inode;
mod map;
mod mount;
mod status;
mod symlink;
mod unmap;
mod xattr;

/// The registration of the file system type.
pub(crate) type Registration = crate::sys::fs::registration::Registration<inode::Daxfs>;
