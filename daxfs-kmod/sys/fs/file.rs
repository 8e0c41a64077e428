// SPDX-License-Identifier: GPL-2.0-only
//! Regular files: opening, reading, mapping.

use core::marker::PhantomData;

use kernel::error::code;
use kernel::ffi::{c_int, c_ulong};
use kernel::prelude::*;

use super::area::{self, MappedFiles};
use super::attr::{self, InodeAttributes};
use super::extents::{self, FileExtents};
use super::folio::{self, CachedFiles};
use super::inode::{Inode, NewInode};
use super::ioctl::{self, Ioctls};
use super::xattr::{self, Xattrs};
use crate::sys::errno::{byte_count, status};
use crate::sys::iter::Iter;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;

/// Regular files of a file system.
pub(crate) trait Files:
    InodeAttributes + Xattrs + FileExtents + MappedFiles + CachedFiles + Ioctls
{
    /// Prepares a file that is being opened. The caller holds no `mmap_lock`.
    fn opened(inode: &Inode<Self>);

    /// Copies bytes of a file from `start` on to the destination. Returns how many, 0 at the end.
    fn read(inode: &Inode<Self>, start: u64, to: &mut Iter) -> Result<usize>;

    /// Returns the kind of mappings of a file.
    fn mapping(inode: &Inode<Self>) -> Result<Mapping>;

    /// Returns by how many pages file and memory are apart at a page of the file, up to a multiple
    /// of 2 MiB. An address that is apart from the file by as many allows huge entries.
    fn alignment(inode: &Inode<Self>, page: u64) -> u64;
}

/// The kinds of mappings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// It shows the memory, and the page cache where the file has holes.
    Memory,
    /// It shows the page cache.
    PageCache,
}

impl<F: Files> NewInode<F> {
    /// Makes the inode a regular file.
    pub(crate) fn set_regular(&self) {
        self.set_type(raw::S_IFREG);
        // SAFETY: The tables are those of `F`, for regular files.
        unsafe {
            self.set_operations(&Tables::<F>::INODE);
            self.set_file_operations(&Tables::<F>::FILE);
        }
        let operations: &'static raw::address_space_operations = &folio::Tables::<F>::MAPPING;
        // SAFETY: The inode is new and locked: nothing else accesses its mapping, which is its own,
        // and empty.
        unsafe { (*(*self.as_ptr()).i_mapping).a_ops = operations };
    }
}

struct Tables<F>(PhantomData<F>);

impl<F: Files> Tables<F> {
    const INODE: raw::inode_operations = raw::inode_operations {
        getattr: Some(attr::getattr::<F>),
        get_inode_acl: Some(attr::get_acl::<F>),
        listxattr: Some(xattr::list::<F>),
        fiemap: Some(extents::fiemap::<F>),
        ..pin_init::zeroed()
    };

    const FILE: raw::file_operations = raw::file_operations {
        open: Some(open::<F>),
        llseek: Some(extents::llseek::<F>),
        read_iter: Some(read_iter::<F>),
        splice_read: Some(raw::copy_splice_read),
        mmap_prepare: Some(mmap_prepare::<F>),
        get_unmapped_area: Some(get_unmapped_area::<F>),
        fsync: Some(raw::noop_fsync),
        unlocked_ioctl: Some(ioctl::ioctl::<F>),
        compat_ioctl: Some(ioctl::ioctl::<F>),
        setlease: Some(raw::generic_setlease),
        ..pin_init::zeroed()
    };
}

/// Opens a file. Direct I/O is allowed: no read uses the page cache. Reads that must not wait are
/// allowed too: a read waits for nothing but its destination, so that io_uring makes it at once.
unsafe extern "C" fn open<F: Files>(inode: *mut raw::inode, file: *mut raw::file) -> c_int {
    // SAFETY: The VFS passes an inode with a count, which is one of `F`, since it has this table.
    F::opened(unsafe { Inode::<F>::from_raw(inode) });
    // SAFETY: The VFS passes a file that only this task uses yet.
    unsafe { (*file).f_mode |= raw::DAXFS_FMODE_CAN_ODIRECT | raw::DAXFS_FMODE_NOWAIT };
    // SAFETY: The arguments are those that the VFS passed. The function refuses large files to
    // programs that cannot represent their offsets.
    unsafe { raw::generic_file_open(inode, file) }
}

unsafe extern "C" fn read_iter<F: Files>(iocb: *mut raw::kiocb, to: *mut raw::iov_iter) -> isize {
    // SAFETY: The VFS passes a control block and an iterator that only this task uses during the
    // call. The file of the block is open and has a count of its inode, which is one of `F`, since
    // the file has this table.
    let (iocb, inode, to) = unsafe {
        let iocb = &mut *iocb;
        let inode = Inode::<F>::from_raw((*iocb.ki_filp).f_inode);
        (iocb, inode, Iter::from_raw(to))
    };
    let (start, limit) = (u64::try_from(iocb.ki_pos).map_err(|_| code::EINVAL), to.count());
    byte_count(start.and_then(|start| {
        // The VFS relies on the limit: splicing takes as many bytes from its pages.
        let length = F::read(inode, start, to)?.min(limit);
        // CAST: The bytes are some of the file, whose size has 63 bits.
        iocb.ki_pos += length as i64;
        Ok(length)
    }))
}

unsafe extern "C" fn mmap_prepare<F: Files>(area: *mut raw::vm_area_desc) -> c_int {
    // SAFETY: The VFS passes a description that only this task uses. Its file is open and has a
    // count of its inode, which is one of `F`, since the file has this table.
    let (area, inode) = unsafe {
        let area = &mut *area;
        let inode = Inode::<F>::from_raw((*area.file).f_inode);
        (area, inode)
    };
    let operations: &'static raw::vm_operations_struct = match F::mapping(inode) {
        Ok(Mapping::Memory) => &area::Tables::<F>::MEMORY,
        // SAFETY: The description is valid, and the file has a mapping with `read_folio`.
        Ok(Mapping::PageCache) => return unsafe { raw::generic_file_readonly_mmap_prepare(area) },
        Err(error) => return status(Err(error)),
    };
    area.vm_ops = operations;
    0
}

/// Chooses an address where 2 MiB of the file and of memory begin together, in the extent that is
/// mapped first.
unsafe extern "C" fn get_unmapped_area<F: Files>(
    file: *mut raw::file,
    address: c_ulong,
    length: c_ulong,
    first: c_ulong,
    flags: c_ulong,
) -> c_ulong {
    // SAFETY: The VFS passes an open file, which has a count of its inode; that is one of `F`,
    // since the file has this table.
    let inode = unsafe { Inode::<F>::from_raw((*file).f_inode) };
    let apart = to_usize(F::alignment(inode, to_u64(first)));
    // SAFETY: The arguments are those that the VFS passed, but for the page, from which the
    // function only computes the alignment.
    unsafe {
        raw::thp_get_unmapped_area(file, address, length, first.wrapping_add(apart), flags)
    }
}
