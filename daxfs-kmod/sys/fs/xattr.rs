// SPDX-License-Identifier: GPL-2.0-only
//! Extended attributes.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use kernel::error::code;
use kernel::ffi::{c_char, c_int, c_void};
use kernel::prelude::*;

use super::inode::Inode;
use super::FileSystem;
use crate::sys::errno::byte_count;
use crate::sys::raw;

/// Buffer for an attribute or for names, or `None` if the caller asks for the length only.
pub(crate) type Buffer<'a> = Option<&'a mut [MaybeUninit<u8>]>;

/// Extended attributes of inodes.
pub(crate) trait Xattrs: FileSystem {
    /// Prefixes of names, each with the number under which the file system knows it. The VFS itself
    /// handles ACLs.
    const PREFIXES: [(&'static CStr, u8); 3];

    /// Copies the value of the attribute with this name, less its prefix, and returns its length.
    fn get(inode: &Inode<Self>, prefix: u8, name: &[u8], into: Buffer<'_>) -> Result<usize>;

    /// Copies the names of all attributes, each with a NUL, and returns their length.
    fn list(inode: &Inode<Self>, into: Buffer<'_>) -> Result<usize>;
}

/// Handlers of the prefixes, with a null pointer at the end.
pub(super) struct Handlers<F>(PhantomData<F>);

impl<F: Xattrs> Handlers<F> {
    const FIRST: raw::xattr_handler = handler::<F>(F::PREFIXES[0]);
    const SECOND: raw::xattr_handler = handler::<F>(F::PREFIXES[1]);
    const THIRD: raw::xattr_handler = handler::<F>(F::PREFIXES[2]);
    pub(super) const TABLE: [*const raw::xattr_handler; 4] =
        [&Self::FIRST, &Self::SECOND, &Self::THIRD, core::ptr::null()];
}

const fn handler<F: Xattrs>((prefix, number): (&'static CStr, u8)) -> raw::xattr_handler {
    raw::xattr_handler {
        prefix: prefix.as_ptr().cast(),
        // CAST: A byte.
        flags: number as c_int,
        get: Some(get::<F>),
        ..pin_init::zeroed()
    }
}

/// Returns the caller's buffer, whose bytes may be uninitialised.
///
/// # Safety
/// `size` bytes from `buffer` on may be written, and nothing else uses them, for `'a`.
unsafe fn buffer_of<'a>(buffer: *mut c_void, size: usize) -> Buffer<'a> {
    if size == 0 {
        return None;
    }
    // SAFETY: By the contract of this function; `MaybeUninit` requires no values.
    Some(unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size) })
}

/// Returns a length as C takes it, or `ERANGE` if the caller's buffer, of `size` bytes, has fewer.
fn length(result: Result<usize>, size: usize) -> isize {
    byte_count(match result {
        Ok(length) if size != 0 && length > size => Err(code::ERANGE),
        result => result,
    })
}

unsafe extern "C" fn get<F: Xattrs>(
    handler: *const raw::xattr_handler,
    _dentry: *mut raw::dentry,
    inode: *mut raw::inode,
    name: *const c_char,
    buffer: *mut c_void,
    size: usize,
) -> c_int {
    // SAFETY: The VFS passes a handler of the superblock's, hence one of `Handlers<F>`; an inode of
    // the superblock with a count; a C string; and a buffer of its own, all for the call.
    let (prefix, inode, name, into) = unsafe {
        let name = CStr::from_char_ptr(name);
        ((*handler).flags, Inode::<F>::from_raw(inode), name, buffer_of(buffer, size))
    };
    // CAST: `handler` made the prefix of a byte. A length has 64 KiB at most, and an error number
    // is that of a `c_int`.
    length(F::get(inode, prefix as u8, name.to_bytes(), into), size) as c_int
}

pub(super) unsafe extern "C" fn list<F: Xattrs>(
    dentry: *mut raw::dentry,
    buffer: *mut c_char,
    size: usize,
) -> isize {
    // SAFETY: The VFS passes a dentry with an inode, which is one of `F`, since it has this table,
    // and a buffer of its own, both for the call.
    let (inode, into) = unsafe {
        let inode = raw::daxfs_dentry_inode(dentry);
        (Inode::<F>::from_raw(inode), buffer_of(buffer.cast(), size))
    };
    length(F::list(inode, into), size)
}
