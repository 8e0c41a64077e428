// SPDX-License-Identifier: GPL-2.0-only
//! File handles.
//!
//! A handle holds the inode number, and a generation that derives from the identity of the image:
//! the handle of another image is stale, wherever that image was mounted.

use kernel::prelude::*;

use super::inode::{ino, Daxfs, Inode, InodeRef, Superblock};
use crate::sys::errno;
use crate::sys::fs::export::FileHandles;

impl FileHandles for Daxfs {
    fn find(superblock: &Superblock, number: u64, generation: u32) -> Result<InodeRef> {
        let mount = superblock.mount()?;
        let ino = ino(number).filter(|ino| ino.get() <= mount.image().inode_count());
        let ino = ino.filter(|_| generation == mount.generation()).ok_or_else(errno::stale)?;
        superblock.inode(ino.get().into())
    }

    fn parent(directory: &Inode) -> Result<InodeRef> {
        let parent = directory.info().directory()?.parent();
        directory.superblock().inode(parent.get().into())
    }
}
