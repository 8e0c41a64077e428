// SPDX-License-Identifier: GPL-2.0-only
//! The tables of operations, one file each.
//!
//! The functions that C calls recover what they are about, call safe code, and return a number.
//!
//! | module | tables |
//! |---|---|
//! | [`superblock`] | `super_operations` |
//! | [`file`] | regular files: inode and file operations |
//! | [`pieces`] | what regular files need of their extents and holes: seeking, FIEMAP |
//! | [`map`] | `vm_operations_struct` of files that are mapped in place |
//! | [`cache`] | `address_space_operations` of files that are mapped through the page cache |
//! | [`dir`] | directories: inode and file operations |
//! | [`symlink`] | symbolic links |
//! | [`special`] | device nodes, FIFOs, sockets |
//! | [`attr`] | what inodes of all types have: attributes of stat(2), ACLs |
//! | [`xattr`] | extended attributes |
//! | [`export`] | file handles |

pub(crate) mod attr;
pub(crate) mod cache;
pub(crate) mod dir;
pub(crate) mod export;
pub(crate) mod file;
pub(crate) mod map;
pub(crate) mod pieces;
pub(crate) mod special;
pub(crate) mod superblock;
pub(crate) mod symlink;
pub(crate) mod xattr;
