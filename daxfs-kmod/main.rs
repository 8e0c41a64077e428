// SPDX-License-Identifier: GPL-2.0-only
//! DAXFS: a read-only file system that lies in byte-addressable physical memory.
//!
//! Reads copy from the memory, mappings point at it; there is no block device, and no page cache
//! but for the mappings of packed files and of holes. What an image is, and which images are valid,
//! is known to the crate `daxfs_format` alone, which user space shares.
//!
//! The memory may be written by others at any time. Every value is copied out of it, validated, and
//! kept: what an inode says is read once, when the inode comes into the cache.
//!
//! | module | owns |
//! |---|---|
//! | [`sys`] | bindings to C, and what makes them safe: memory, pages, messages |
//! | [`region`] | the memory of an image: a claimed range with struct pages |
//! | [`parked`] | ranges that cannot be given back yet |
//! | [`poison`] | broken memory |
//! | [`hash`] | the kernel's XXH64 and SHA-256 behind the format crate's seams |
//! | [`options`] | mount options |
//! | [`mounted`] | opening an image |
//! | [`checks`] | checking it |
//! | [`mount`] | superblocks |
//! | [`context`] | the mount API: file system type and mount contexts |
//! | [`inode`] | in-core inodes |
//! | [`vfs`] | one file for each table of operations |
//! | [`errno`] | errors as numbers |
//! | [`num`] | integers of the kernel and of the format |

mod checks;
mod context;
mod errno;
mod hash;
mod inode;
mod mount;
mod mounted;
mod num;
mod options;
mod parked;
mod poison;
mod region;
mod sys;
mod vfs;

use kernel::prelude::*;

module! {
    type: Daxfs,
    name: "daxfs",
    authors: ["The DAXFS authors"],
    description: "File system in byte-addressable memory",
    license: "GPL",
    alias: ["fs-daxfs"],
}

/// The loaded module. Fields are dropped in order: no mount may appear once the rest goes.
struct Daxfs {
    _registration: context::Registration,
    _attendant: parked::Attendant,
    _inodes: inode::Cache,
}

impl kernel::Module for Daxfs {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        sys::copy::prepare();
        // SAFETY: A module is initialised once.
        unsafe { poison::prepare() };
        let inodes = inode::Cache::create()?;
        // SAFETY: A module is initialised once, and keeps what this returns until it is unloaded.
        let attendant = unsafe { parked::Attendant::new() };
        let registration = context::Registration::new()?;
        Ok(Self { _registration: registration, _attendant: attendant, _inodes: inodes })
    }
}
