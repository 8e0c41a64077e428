// SPDX-License-Identifier: GPL-2.0-only
//! In-core inodes: the image's inodes, copied and validated once.

use daxfs_format::image::Segment;
use daxfs_format::{Directory, FileData, Ino, InodeKind, XattrSetId};
use kernel::error::code;
use kernel::prelude::*;
use kernel::sync::aref::ARef;
use kernel::sync::atomic::{AtomicFlag, Relaxed};

use super::extents::Segments;
use crate::image::mounted::{Image, Mounted};
use crate::sys::fs::inode::{Attributes, NewInode, ReadInode};
use crate::sys::fs::{self, FileSystem};
use crate::sys::size::{PAGE_SHIFT, PAGE_SIZE};

/// The file system.
pub(crate) struct Daxfs;

impl FileSystem for Daxfs {
    type Key = u64;
    type Mount = Mounted;
    type InodeInfo = InodeInfo;
}

/// An inode of the VFS.
pub(super) type Inode = fs::inode::Inode<Daxfs>;

/// A counted reference to an inode of the VFS.
pub(super) type InodeRef = ARef<Inode>;

/// A superblock of the VFS.
pub(super) type Superblock = fs::superblock::Superblock<Daxfs>;

/// State of an in-core inode.
pub(crate) struct InodeInfo {
    /// Properties that only inodes of its type have.
    pub(super) kind: InodeKind,
    /// Size in bytes.
    pub(super) size: u64,
    /// Attribute set.
    pub(super) xattrs: Option<XattrSetId>,
    /// True if the bytes behind the file's end were found to be zero.
    tail_checked: AtomicFlag,
    /// True if struct pages were made for the bytes.
    has_pages: AtomicFlag,
}

impl Default for InodeInfo {
    fn default() -> Self {
        Self::new(InodeKind::Fifo, 0, None)
    }
}

impl InodeInfo {
    fn new(kind: InodeKind, size: u64, xattrs: Option<XattrSetId>) -> Self {
        let [tail_checked, has_pages] = [const { AtomicFlag::new(false) }; 2];
        Self { kind, size, xattrs, tail_checked, has_pages }
    }

    /// Returns the location of a regular file's bytes.
    #[inline]
    pub(super) fn data(&self) -> Result<&FileData> {
        match &self.kind {
            InodeKind::Regular(data) => Ok(data),
            _ => Err(code::EINVAL),
        }
    }

    /// Returns true if struct pages were made for the bytes, or if no mapping shows them.
    #[inline]
    pub(super) fn has_pages(&self) -> bool {
        self.has_pages.load(Relaxed)
    }

    /// Returns the directory that the inode is.
    #[inline]
    pub(super) fn directory(&self) -> Result<&Directory> {
        match &self.kind {
            InodeKind::Directory(directory) => Ok(directory),
            _ => Err(code::ENOTDIR),
        }
    }
}

/// Checks once that a mapping of a file shows only zeros behind its end. This does not exclude
/// later writes to the memory.
pub(super) fn check_tail(inode: &Inode) -> Result {
    let info = inode.info();
    if info.tail_checked.load(Relaxed) {
        return Ok(());
    }
    let mount = inode.mount()?;
    let ino = ino(inode.number()).ok_or(code::EIO)?;
    let tail = mount.image().check_tail(ino, info.data()?, info.size);
    tail.map_err(|error| mount.report(error))?;
    info.tail_checked.store(true, Relaxed);
    Ok(())
}

/// Makes struct pages for the bytes of a regular file, once, if mappings show them.
#[cold]
pub(super) fn make_pages(inode: &Inode) -> Result {
    let (backing, info) = (inode.mount()?.backing(), inode.info());
    match info.data()? {
        FileData::Direct { offset } => backing.make_pages(*offset, info.size)?,
        FileData::Sparse(_) => {
            let mut segments = Segments::from(inode, 0)?;
            while let Some(Segment { start, end, data: Some(offset) }) = segments.next_data()? {
                backing.make_pages(offset, end.saturating_sub(start))?;
            }
        }
        FileData::Empty | FileData::Packed { .. } => {}
    }
    info.has_pages.store(true, Relaxed);
    Ok(())
}

/// Returns an inode number as the format has it, if it can be one.
pub(super) fn ino(number: u64) -> Option<Ino> {
    u32::try_from(number).ok().and_then(Ino::new)
}

impl ReadInode for Daxfs {
    fn read_inode(mount: &Mounted, number: u64, new: NewInode<Self>) -> Result<InodeRef> {
        mount.require_sound()?;
        let ino = ino(number).ok_or(code::EIO)?;
        let found = mount.image().inode(ino).map_err(|error| mount.report(error))?;
        fill(&new, &found, mount);
        Ok(new.publish(InodeInfo::new(found.kind, found.size, found.xattrs)))
    }
}

/// Sets the attributes and operations that the VFS keeps.
fn fill(new: &NewInode<Daxfs>, found: &daxfs_format::Inode, mount: &Mounted) {
    new.set_attributes(&Attributes {
        mode: found.mode,
        owner: (found.uid, found.gid),
        links: found.link_count,
        size: found.size,
        blocks: blocks(mount.image(), found),
        generation: mount.generation(),
        time: (found.mtime.seconds, found.mtime.nanoseconds),
    });
    if found.xattrs.is_none() {
        new.set_no_acl();
    }
    match &found.kind {
        InodeKind::Regular(_) => new.set_regular(),
        InodeKind::Directory(_) => new.set_directory(),
        InodeKind::Symlink(_) => new.set_symlink(),
        InodeKind::CharDevice(device) | InodeKind::BlockDevice(device) => {
            new.set_special(found.mode, (device.major, device.minor));
        }
        InodeKind::Fifo | InodeKind::Socket => new.set_special(found.mode, (0, 0)),
    }
}

/// Returns the size of an inode's bytes in memory, in units of 512 bytes.
fn blocks(image: &Image, inode: &daxfs_format::Inode) -> u64 {
    let bytes = match &inode.kind {
        InodeKind::Regular(FileData::Direct { .. }) => {
            inode.size.saturating_add(PAGE_SIZE - 1) >> PAGE_SHIFT << PAGE_SHIFT
        }
        InodeKind::Regular(FileData::Sparse(list)) => {
            u64::from(list.pages()) << image.superblock().page_shift()
        }
        _ => inode.size,
    };
    bytes.div_ceil(512)
}
