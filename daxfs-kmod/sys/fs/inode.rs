// SPDX-License-Identifier: GPL-2.0-only
//! In-core inodes.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;

use kernel::error::code;
use kernel::prelude::*;
use kernel::sync::aref::{ARef, AlwaysRefCounted};
use kernel::types::Opaque;

use super::superblock::Superblock;
use super::FileSystem;
use crate::sys::lock::WriteGuard;
use crate::sys::num::to_loff;
use crate::sys::raw;

/// Reading of inodes.
pub(crate) trait ReadInode: FileSystem {
    /// Reads the inode with this number and publishes it.
    fn read_inode(mount: &Self::Mount, number: u64, new: NewInode<Self>)
        -> Result<ARef<Inode<Self>>>;
}

/// An inode of the VFS with the state that the file system `F` keeps of it.
///
/// # Invariants
/// A reference is to an inode with a count that is not new any more: [`NewInode::publish`]
/// published it, or it could not be read, and has the default state.
#[repr(C)]
pub(crate) struct Inode<F: FileSystem> {
    vfs: Opaque<raw::inode>,
    /// Written when the inode is allocated, and when it is published.
    info: UnsafeCell<F::InodeInfo>,
}

impl<F: FileSystem> Inode<F> {
    /// Creates a reference from C's.
    ///
    /// # Safety
    /// `inode` is an inode of a superblock of `F`, is not new any more, and has a count for `'a`.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(inode: *const raw::inode) -> &'a Self {
        // INVARIANT: By the contract of this function.
        // SAFETY: Inodes of superblocks of `F` come from `allocate`, where they are the first field
        // of a value of this type; the inode is valid by that contract.
        unsafe { &*inode.cast() }
    }

    /// Returns the inode as C takes it.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut raw::inode {
        self.vfs.get()
    }

    /// Returns the state that the file system keeps.
    #[inline]
    pub(crate) fn info(&self) -> &F::InodeInfo {
        // SAFETY: By the invariant the inode is not new any more, so that nothing writes the cell;
        // `allocate` initialised it.
        unsafe { &*self.info.get() }
    }

    /// Sets the state that the file system keeps, in place of one that needs no drop.
    ///
    /// # Safety
    /// `inode` is an allocated inode of `F`, and nothing else accesses its state.
    pub(super) unsafe fn set_info(inode: *mut Self, info: F::InodeInfo) {
        // SAFETY: By the contract of this function.
        unsafe { UnsafeCell::raw_get(&raw const (*inode).info).write(info) };
    }

    /// Returns the number of the inode.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        // SAFETY: By the invariant the inode is valid; the field is not written after it is in the
        // table of inodes.
        unsafe { (*self.as_ptr()).i_ino }
    }

    /// Returns the superblock of the inode.
    #[inline]
    pub(crate) fn superblock(&self) -> &Superblock<F> {
        // SAFETY: By the invariant the inode is valid; the field never changes.
        let sb = unsafe { (*self.as_ptr()).i_sb };
        // SAFETY: The superblock of an inode of `F` is one of `F`. It is not shut down while `self`
        // lives, though inodes that have a count do not prevent that. `self` is borrowed from what
        // the VFS keeps during a call, such as an open file, or from an `ARef`. That is not `Send`,
        // so that no static and no state of `F` has one: it does not outlive the call in which it
        // was got from a superblock, which is not shut down during the call.
        unsafe { Superblock::from_raw(sb) }
    }

    /// Returns the state of the mount.
    #[inline]
    pub(crate) fn mount(&self) -> Result<&F::Mount> {
        self.superblock().mount()
    }

    /// Takes a range of bytes out of all mappings of the file, or all bytes. Waits for faults,
    /// which hold the mapping's `invalidate_lock`.
    pub(crate) fn unmap(&self, bytes: Option<Range<u64>>) {
        // SAFETY: By the invariant the inode is valid; the field never changes after publication.
        let mapping = unsafe { (*self.as_ptr()).i_mapping };
        // SAFETY: The mapping and its lock live as long as the inode. The caller may sleep.
        let _lock = unsafe { WriteGuard::take(&raw mut (*mapping).invalidate_lock) };
        // To the function a length of 0 is all that follows.
        let (from, length) = match bytes {
            Some(bytes) if bytes.is_empty() => return,
            Some(bytes) => (bytes.start, bytes.end - bytes.start),
            None => (0, 0),
        };
        // SAFETY: The mapping is valid, and range and flag may be any.
        unsafe { raw::unmap_mapping_range(mapping, to_loff(from), to_loff(length), 0) };
    }
}

// SAFETY: Every inode has a count, which `ihold()` and `iput()` change; an inode with a count
// lives.
unsafe impl<F: FileSystem> AlwaysRefCounted for Inode<F> {
    fn inc_ref(&self) {
        // SAFETY: By the invariant the inode has a count already, as the function demands.
        unsafe { raw::ihold(self.as_ptr()) };
    }

    unsafe fn dec_ref(inode: NonNull<Self>) {
        // SAFETY: The caller has a count, which this gives up.
        unsafe { raw::iput(inode.as_ptr().cast()) };
    }
}

/// An inode that is being read. Others find it by its number, and wait until it is published or
/// dropped, which makes it fail.
///
/// # Invariants
/// The inode is valid, marked as new and locked by us, and belongs to a superblock of `F`.
pub(crate) struct NewInode<F: FileSystem>(*mut raw::inode, PhantomData<F>);

/// Attributes of an inode.
pub(crate) struct Attributes {
    /// Permissions. The bits of the file type are ignored.
    pub(crate) mode: u16,
    /// User and group.
    pub(crate) owner: (u32, u32),
    /// Number of links.
    pub(crate) links: u32,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Size in memory, in units of 512 bytes.
    pub(crate) blocks: u64,
    /// Generation, which file handles hold.
    pub(crate) generation: u32,
    /// All times, in seconds and nanoseconds.
    pub(crate) time: (i64, u32),
}

/// The bits of a mode that hold the file type.
// CAST: The mask has 16 bits.
const TYPE: u16 = raw::S_IFMT as u16;

impl<F: FileSystem> NewInode<F> {
    /// Returns the inode as C takes it.
    pub(super) fn as_ptr(&self) -> *mut raw::inode {
        self.0
    }

    /// Sets the attributes that the VFS keeps.
    pub(crate) fn set_attributes(&self, attributes: &Attributes) {
        let inode = self.0;
        let ((uid, gid), (seconds, nanoseconds)) = (attributes.owner, attributes.time);
        // SAFETY: By the invariant the inode is new and locked. Look-ups by number read and write
        // its number, superblock, state, lock and count, none of which is written here; nothing
        // else accesses it. No Rust reference is made to what they write.
        unsafe {
            (*inode).i_mode = (*inode).i_mode & TYPE | attributes.mode & !TYPE;
            (*inode).i_generation = attributes.generation;
            (*inode).i_size = to_loff(attributes.size);
            (*inode).i_blocks = attributes.blocks;
            raw::daxfs_inode_set_owner(inode, uid, gid);
            raw::set_nlink(inode, attributes.links);
            raw::daxfs_inode_set_times(inode, seconds, nanoseconds);
        }
    }

    /// Sets the file type. The methods that set the operations of a type call this, since what the
    /// VFS and `free` do with an inode depends on both.
    pub(super) fn set_type(&self, kind: u32) {
        // CAST: Types of files have 16 bits.
        let kind = kind as u16 & TYPE;
        // SAFETY: By the invariant the inode is new and locked: nothing else accesses the field.
        unsafe { (*self.0).i_mode = (*self.0).i_mode & !TYPE | kind };
    }

    /// Notes that the inode has no ACL, so that the VFS does not ask for one.
    pub(crate) fn set_no_acl(&self) {
        // SAFETY: By the invariant the inode is valid, and nothing else looks at its ACLs yet.
        unsafe { raw::daxfs_inode_has_no_acl(self.0) };
    }

    /// Sets the operations of the inode.
    ///
    /// # Safety
    /// The table is one of `F` for inodes of this type.
    pub(super) unsafe fn set_operations(&self, table: &'static raw::inode_operations) {
        // SAFETY: By the invariant the inode is new and locked: nothing else accesses the field.
        unsafe { (*self.0).i_op = table };
    }

    /// Sets the operations of open files.
    ///
    /// # Safety
    /// The table is one of `F` for files of this type.
    pub(super) unsafe fn set_file_operations(&self, table: &'static raw::file_operations) {
        // SAFETY: By the invariant the inode is new and locked: nothing else accesses the field.
        unsafe { raw::daxfs_inode_set_file_operations(self.0, table) };
    }

    /// Lets others use the inode, with this state.
    pub(crate) fn publish(self, info: F::InodeInfo) -> ARef<Inode<F>> {
        let inode: *mut Inode<F> = core::mem::ManuallyDrop::new(self).0.cast();
        // SAFETY: By the invariant the inode is valid, and nothing else reads its state until it is
        // published.
        unsafe { Inode::set_info(inode, info) };
        // SAFETY: By the invariant the inode is marked as new and locked by us.
        unsafe { raw::unlock_new_inode(inode.cast()) };
        // SAFETY: `iget_locked()` took a count for us, which the value takes over; it returned an
        // inode and hence no null pointer.
        unsafe { ARef::from_raw(NonNull::new_unchecked(inode)) }
    }
}

impl<F: FileSystem> Drop for NewInode<F> {
    /// Lets the tasks that wait for the inode fail.
    fn drop(&mut self) {
        // SAFETY: By the invariant the inode is marked as new and locked by us. The function gives
        // up our count.
        unsafe { raw::iget_failed(self.0) };
    }
}

impl<F: ReadInode> Superblock<F> {
    /// Returns the inode with this number, and reads it if it is not in core.
    pub(crate) fn inode(&self, number: u64) -> Result<ARef<Inode<F>>> {
        let mount = self.mount()?;
        // SAFETY: The superblock is valid; the caller may sleep.
        let inode = unsafe { raw::iget_locked(self.as_ptr(), number) };
        let Some(found) = NonNull::new(inode.cast::<Inode<F>>()) else {
            return Err(code::ENOMEM);
        };
        // SAFETY: `iget_locked()` took a count for us, so the inode is valid.
        if !unsafe { raw::daxfs_inode_is_new(inode) } {
            // SAFETY: The value takes over our count. The inode is not new any more.
            return Ok(unsafe { ARef::from_raw(found) });
        }
        // INVARIANT: The inode is new, and `iget_locked()` locked it for us.
        F::read_inode(mount, number, NewInode(inode, PhantomData))
    }
}

impl<F: FileSystem> Superblock<F> {
    /// Calls a function for each inode in core that is not new.
    pub(crate) fn for_each_inode(&self, mut function: impl FnMut(&Inode<F>)) {
        let sb = self.as_ptr();
        let mut held = None;
        // SAFETY: The superblock is valid.
        unsafe { raw::daxfs_inodes_lock(sb) };
        // SAFETY: The superblock is valid; the head of the list is a field of it.
        let head = unsafe { &raw mut (*sb).s_inodes };
        // SAFETY: The list is locked, so that its links are valid and do not change.
        let mut link = unsafe { (*head).next };
        while link != head {
            // SAFETY: The elements of this list are inodes, linked by this field.
            let inode = unsafe { kernel::container_of!(link, raw::inode, i_sb_list) };
            // SAFETY: An inode in the locked list is valid, so that a count can be taken unless it
            // is being freed. If one was taken, the value gives it up.
            let grabbed = unsafe { NonNull::new(raw::igrab(inode)).map(|inode| Held(inode)) };
            if let Some(inode) = grabbed {
                // SAFETY: The list was locked above, or at the end of this block.
                unsafe { raw::daxfs_inodes_unlock(sb) };
                inode.visit(&mut function);
                // The inode visited before may go; from this one, which stays in the list, the walk
                // continues. This may sleep.
                held = Some(inode);
                // SAFETY: The superblock is valid.
                unsafe { raw::daxfs_inodes_lock(sb) };
            }
            // SAFETY: The list is locked. The link is in it: that of an inode with a count of ours,
            // or one that was found since the list was locked.
            link = unsafe { (*link).next };
        }
        // SAFETY: The list was locked above.
        unsafe { raw::daxfs_inodes_unlock(sb) };
        drop(held);
    }
}

/// A count of an inode, which may be new.
struct Held(NonNull<raw::inode>);

impl Held {
    /// Calls a function with the inode if it is not new.
    fn visit<F: FileSystem>(&self, function: &mut impl FnMut(&Inode<F>)) {
        let inode = self.0.as_ptr();
        // SAFETY: The inode has a count of ours.
        if unsafe { raw::daxfs_inode_is_ready(inode) } {
            // SAFETY: The inode has a count of ours and is not new any more; `for_each_inode` found
            // it in the list of a superblock of `F`.
            function(unsafe { Inode::from_raw(inode) });
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: Gives up our count.
        unsafe { raw::iput(self.0.as_ptr()) };
    }
}
