// SPDX-License-Identifier: GPL-2.0-only
//! Device nodes, FIFOs and sockets: the VFS does all but their attributes.

use super::{attr, xattr};
use crate::sys::{raw, Table};

/// Inode operations.
pub(crate) static INODE: Table<raw::inode_operations> = Table(raw::inode_operations {
    getattr: Some(attr::getattr),
    get_inode_acl: Some(attr::get_acl),
    listxattr: Some(xattr::list),
    ..pin_init::zeroed()
});
