// SPDX-License-Identifier: GPL-2.0-only
//! Objects of the VFS, and the functions that the VFS calls.
//!
//! Each file holds an object as a safe type, a trait with the file system's share of the work on
//! it, and the `extern "C"` functions of the tables of operations. Such a function recovers the
//! typed objects, calls one function of the trait, and returns its result in C's form.
//!
//! The safety of these functions rests on one fact: **only objects of `F` have tables of `F`.** A
//! superblock gets its table from [`NewSuperblock::set_up`](mount::NewSuperblock::set_up), an inode
//! from the methods of [`NewInode`](inode::NewInode). Both values exist only for superblocks that
//! [`FsContext::superblock`](context::FsContext::superblock) made for the type that a
//! [`Registration`](registration::Registration) of `F` registered. The VFS calls a table's function
//! with objects that have the table, and keeps these valid during the call.
//!
//! | module | owns |
//! |---|---|
//! | [`superblock`] | superblocks, and their state |
//! | [`inode`] | in-core inodes |
//! | [`cache`] | the slab cache of in-core inodes |
//! | [`attr`] | attributes of stat(2), ACLs, inodes of devices, FIFOs and sockets |
//! | [`xattr`] | extended attributes |
//! | [`symlink`] | symbolic links |
//! | [`dir`] | directories |
//! | [`fault`] | page faults |
//! | [`area`] | areas of memory that are mapped in place |
//! | [`file`] | regular files: opening, reading, mapping |
//! | [`extents`] | regular files: seeking, the map of extents |
//! | [`folio`] | folios of the page cache |
//! | [`ioctl`] | requests of ioctl(2) |
//! | [`export`] | file handles |
//! | [`context`] | mount contexts and their parameters |
//! | [`mount`] | making, filling and ending superblocks |
//! | [`status`] | files in sysfs that tell the state of mounts |
//! | [`registration`] | the file system type, and the functions of its mount contexts |

pub(crate) mod area;
pub(crate) mod attr;
mod cache;
pub(crate) mod context;
pub(crate) mod dir;
pub(crate) mod export;
pub(crate) mod extents;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod folio;
pub(crate) mod inode;
pub(crate) mod ioctl;
pub(crate) mod mount;
pub(crate) mod registration;
pub(crate) mod status;
pub(crate) mod superblock;
pub(crate) mod symlink;
pub(crate) mod xattr;

/// The types of a file system.
pub(crate) trait FileSystem: Sized + 'static {
    /// Name of a superblock: mounts with equal keys share it.
    type Key: Copy + Eq + Send + Sync;
    /// State of a superblock, from its first mount to its end.
    type Mount: Send + Sync;
    /// State of an in-core inode. The default is that of an inode that was not read yet.
    type InodeInfo: Default + Send + Sync;
}
