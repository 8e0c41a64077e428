// SPDX-License-Identifier: GPL-2.0-only
//! DAXFS: a read-only file system in byte-addressable physical memory.
//!
//! Reads copy from the memory, and mappings point into it. There is no block device, and no page
//! cache but for mappings of packed files and of holes. The crate `daxfs_format`, which user space
//! shares, defines what an image is and which images are valid.
//!
//! Others may write the memory at any time. Every value is copied out of it, validated, and kept:
//! an inode is read once, when it comes into the cache.
//!
//! The module consists of layers. Each imports only from those below it (`cargo xtask tidy` checks
//! this). Code with `unsafe` is in the lowest two.
//!
//! | layer | owns |
//! |---|---|
//! | [`vfs`] | the file system: mounts, inodes, files, mappings |
//! | [`image`] | images: opening and checking them |
//! | [`memory`] | the memory that holds images |
//! | [`sys`] | the kernel's C interfaces as safe types |
//!
//! # Locking
//! Locks are taken in this order:
//! 1. `s_umount` of a superblock, held by mount, remount and unmount; or `mmap_lock` or the lock of
//!    an area, held by faults.
//! 2. [`WeakSuperblock`](sys::fs::superblock::WeakSuperblock), while a failure of the memory unmaps
//!    pages, and while the superblock ends.
//! 3. `s_inode_list_lock` of a superblock, while a failure walks its inodes. Nothing is taken under
//!    it but an inode's `i_lock`.
//! 4. `invalidate_lock` of a mapping. Two faults of one area may come at the same time, one that
//!    inserts a huge entry and one that inserts pages below it: a huge entry is inserted under the
//!    write lock, pages under the read lock and only while the entry is not huge.
//! 5. The lock of a folio, [`KeptFolio`](memory::insert::KeptFolio): a page gets references under
//!    the read lock, becomes part of a folio under the write lock.
//! 6. The chunks of a range, while struct pages are made, by the opening of a file, under which the
//!    kernel's locks of processors and memory hotplug are taken.
//! 7. `QUEUE` of deferred ranges, while a mount or the work looks for them, and when a range is
//!    deferred.
//! 8. `FLAGS` of pages, while pages become a folio or pages again, and while pages are marked as
//!    poisoned. Nothing is taken under it.
//! 9. The handler of failures of a range, while it is set or copied. Nothing is taken under it.

mod image;
mod memory;
mod sys;
mod vfs;

use kernel::prelude::*;

module! {
    type: DaxfsModule,
    name: "daxfs",
    authors: ["The DAXFS authors"],
    description: "File system in byte-addressable memory",
    license: "GPL",
    alias: ["fs-daxfs"],
}

/// The loaded module.
struct DaxfsModule {
    _registration: vfs::Registration,
}

impl kernel::Module for DaxfsModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let registration = vfs::Registration::new(memory::Service::start()?)?;
        Ok(Self { _registration: registration })
    }
}
