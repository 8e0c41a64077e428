// SPDX-License-Identifier: GPL-2.0-only
//! Extended attributes.

use core::mem::MaybeUninit;

use daxfs_format::Namespace;
use kernel::error::code;
use kernel::prelude::*;

use super::inode::{Daxfs, Inode};
use crate::sys::copy::zeroed;
use crate::sys::errno;
use crate::sys::fs::xattr::{Buffer, Xattrs};
use crate::sys::num::to_usize;
use crate::sys::task::is_administrator;

/// Returns the value of an attribute, or `None` if the inode does not have it.
pub(super) fn read(inode: &Inode, namespace: Namespace, name: &[u8]) -> Result<Option<KVVec<u8>>> {
    let Some(id) = inode.info().xattrs else { return Ok(None) };
    let mount = inode.mount()?;
    let (image, report) = (mount.image(), |error| mount.report(error));
    let set = image.xattrs(id).map_err(report)?;
    let Some(found) = image.find_xattr(&set, namespace, name).map_err(report)? else {
        return Ok(None);
    };
    // The format bounds a value by 64 KiB.
    let length = to_usize(found.value_length().into());
    let mut value = KVVec::from_elem(0, length, GFP_KERNEL)?;
    image.xattr_value(&found, &mut value).map_err(report)?;
    Ok(Some(value))
}

impl Xattrs for Daxfs {
    const PREFIXES: [(&'static CStr, u8); 3] = [
        (c"user.", Namespace::User.number()),
        (c"trusted.", Namespace::Trusted.number()),
        (c"security.", Namespace::Security.number()),
    ];

    fn get(inode: &Inode, prefix: u8, name: &[u8], into: Buffer<'_>) -> Result<usize> {
        let namespace = Namespace::from_number(prefix).ok_or(code::EINVAL)?;
        let id = inode.info().xattrs.ok_or_else(errno::no_data)?;
        let mount = inode.mount()?;
        let (image, report) = (mount.image(), |error| mount.report(error));
        let set = image.xattrs(id).map_err(report)?;
        let found = image.find_xattr(&set, namespace, name).map_err(report)?;
        let found = found.ok_or_else(errno::no_data)?;
        let length = to_usize(found.value_length().into());
        if let Some(into) = into {
            let into = into.get_mut(..length).ok_or(code::ERANGE)?;
            image.xattr_value(&found, zeroed(into)).map_err(report)?;
        }
        Ok(length)
    }

    fn list(inode: &Inode, into: Buffer<'_>) -> Result<usize> {
        let Some(id) = inode.info().xattrs else { return Ok(0) };
        let mount = inode.mount()?;
        let (image, report) = (mount.image(), |error| mount.report(error));
        let set = image.xattrs(id).map_err(report)?;
        let mut walk = set.walk();
        let mut list = List { into, length: 0 };
        let mut buffer = [0; 255];
        while let Some(found) = image.next_xattr(&mut walk).map_err(report)? {
            if found.namespace == Namespace::Trusted && !is_administrator() {
                continue;
            }
            let name = image.xattr_name(&found, &mut buffer).map_err(report)?;
            list.push(found.namespace.prefix().as_bytes())?;
            list.push(name)?;
            list.push(&[0])?;
        }
        Ok(list.length)
    }
}

/// A list of names, or only its length.
struct List<'a> {
    into: Option<&'a mut [MaybeUninit<u8>]>,
    length: usize,
}

impl List<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result {
        let end = self.length + bytes.len();
        if let Some(into) = &mut self.into {
            let into = into.get_mut(self.length..end).ok_or(code::ERANGE)?;
            zeroed(into).copy_from_slice(bytes);
        }
        self.length = end;
        Ok(())
    }
}
