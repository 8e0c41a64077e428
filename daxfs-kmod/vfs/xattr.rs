// SPDX-License-Identifier: GPL-2.0-only
//! Extended attributes.

use core::mem::MaybeUninit;

use daxfs_format::{Namespace, XattrSetId};
use kernel::error::code;
use kernel::ffi::{c_char, c_int, c_void};
use kernel::prelude::*;

use crate::errno;
use crate::inode::{self, Stored};
use crate::mounted::Image;
use crate::num::to_usize;
use crate::sys::copy::zeroed;
use crate::sys::{byte_count, raw, Table};

/// The handlers of the namespaces, and a null at the end. The VFS itself handles ACLs.
pub(crate) static HANDLERS: Table<[*const raw::xattr_handler; 4]> =
    Table([USER.get(), TRUSTED.get(), SECURITY.get(), core::ptr::null()]);

static USER: Table<raw::xattr_handler> = handler(c"user.", Namespace::User);
static TRUSTED: Table<raw::xattr_handler> = handler(c"trusted.", Namespace::Trusted);
static SECURITY: Table<raw::xattr_handler> = handler(c"security.", Namespace::Security);

const fn handler(prefix: &'static CStr, namespace: Namespace) -> Table<raw::xattr_handler> {
    Table(raw::xattr_handler {
        prefix: prefix.as_ptr().cast(),
        // CAST: A byte.
        flags: namespace.number() as c_int,
        get: Some(get),
        ..pin_init::zeroed()
    })
}

/// The value of an attribute, or `None` if the inode does not have it.
pub(crate) fn read(
    image: &Image,
    stored: &Stored,
    namespace: Namespace,
    name: &[u8],
) -> Result<Option<KVVec<u8>>> {
    let Some(id) = stored.xattrs else { return Ok(None) };
    let set = image.xattrs(id).map_err(errno::reported(image))?;
    let found = image.find_xattr(&set, namespace, name).map_err(errno::reported(image))?;
    let Some(found) = found else { return Ok(None) };
    // The format bounds a value by 64 KiB.
    let length = to_usize(found.value_length().into());
    let mut value = KVVec::from_elem(0, length, GFP_KERNEL)?;
    image.xattr_value(&found, &mut value).map_err(errno::reported(image))?;
    Ok(Some(value))
}

unsafe extern "C" fn get(
    handler: *const raw::xattr_handler,
    _dentry: *mut raw::dentry,
    inode: *mut raw::inode,
    name: *const c_char,
    buffer: *mut c_void,
    size: usize,
) -> c_int {
    // CAST: The byte that `handler` put there.
    // SAFETY: The handler is one of those above.
    let number = unsafe { (*handler).flags } as u8;
    // SAFETY: The name is a C string that lives during the call.
    let name = unsafe { CStr::from_char_ptr(name) }.to_bytes();
    // SAFETY: The caller lends `size` bytes, which nobody else uses meanwhile.
    let into = unsafe { room(buffer, size) };
    // SAFETY: The inode is one of ours.
    crate::sys::status(unsafe { copy_value(inode, number, name, into) })
}

/// The `size` bytes of a caller's buffer, or `None` if he only wants to know how many it takes. They need
/// not have values yet.
///
/// # Safety
/// There are as many bytes, which nobody else uses for `'a`.
unsafe fn room<'a>(buffer: *mut c_void, size: usize) -> Option<&'a mut [MaybeUninit<u8>]> {
    if size == 0 {
        return None;
    }
    // SAFETY: By the contract of this function.
    Some(unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size) })
}

/// Copies a value to where it is wanted, and returns its length.
///
/// # Safety
/// `inode` is an inode of this file system.
unsafe fn copy_value(
    inode: *mut raw::inode,
    namespace: u8,
    name: &[u8],
    into: Option<&mut [MaybeUninit<u8>]>,
) -> Result<c_int> {
    // SAFETY: The inode is ours.
    let (mounted, stored) = unsafe { inode::parts(inode) }?;
    let image = mounted.image();
    let namespace = Namespace::from_number(namespace).ok_or(code::EINVAL)?;
    let id = stored.xattrs.ok_or_else(errno::no_data)?;
    let set = image.xattrs(id).map_err(errno::reported(image))?;
    let found = image.find_xattr(&set, namespace, name).map_err(errno::reported(image))?;
    let found = found.ok_or_else(errno::no_data)?;
    let length = to_usize(found.value_length().into());
    if let Some(into) = into {
        let room = into.get_mut(..length).ok_or(code::ERANGE)?;
        image.xattr_value(&found, zeroed(room)).map_err(errno::reported(image))?;
    }
    // CAST: The format bounds a value by 64 KiB.
    Ok(length as c_int)
}

/// Lists the names of an inode's attributes.
pub(crate) unsafe extern "C" fn list(
    dentry: *mut raw::dentry,
    buffer: *mut c_char,
    size: usize,
) -> isize {
    // SAFETY: The dentry has an inode, one of ours.
    let inode = unsafe { raw::daxfs_dentry_inode(dentry) };
    // SAFETY: As in `get`.
    let into = unsafe { room(buffer.cast(), size) };
    // SAFETY: The inode is ours.
    let listed = unsafe { inode::parts(inode) }.and_then(|(mounted, stored)| match stored.xattrs {
        Some(id) => list_set(mounted.image(), id, into),
        None => Ok(0),
    });
    byte_count(listed)
}

/// Lists a set into a buffer, or only counts the bytes that this takes.
fn list_set(image: &Image, id: XattrSetId, into: Option<&mut [MaybeUninit<u8>]>) -> Result<usize> {
    let set = image.xattrs(id).map_err(errno::reported(image))?;
    let mut walk = set.walk();
    let mut list = List { into, length: 0 };
    let mut buffer = [0; 255];
    while let Some(found) = image.next_xattr(&mut walk).map_err(errno::reported(image))? {
        if found.namespace == Namespace::Trusted && !may_see_trusted() {
            continue;
        }
        let name = image.xattr_name(&found, &mut buffer).map_err(errno::reported(image))?;
        list.push(found.namespace.prefix().as_bytes())?;
        list.push(name)?;
        list.push(&[0])?;
    }
    Ok(list.length)
}

fn may_see_trusted() -> bool {
    // CAST: A small number.
    // SAFETY: Looks at the current task.
    unsafe { raw::capable(raw::CAP_SYS_ADMIN as c_int) }
}

/// Names that are being listed.
struct List<'a> {
    into: Option<&'a mut [MaybeUninit<u8>]>,
    length: usize,
}

impl List<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result {
        let end = self.length + bytes.len();
        if let Some(into) = &mut self.into {
            let room = into.get_mut(self.length..end).ok_or(code::ERANGE)?;
            zeroed(room).copy_from_slice(bytes);
        }
        self.length = end;
        Ok(())
    }
}
