// SPDX-License-Identifier: GPL-2.0-only
//! Attributes of stat(2), ACLs.

use daxfs_format::{FileData, InodeKind, Namespace};
use kernel::error::code;
use kernel::prelude::*;

use super::inode::{Daxfs, Inode};
use super::xattr;
use crate::sys::fs::attr::{Acl, AclKind, InodeAttributes, Stat};

/// Alignment of direct I/O that statx(2) states, in bytes. Reads need none, but programs take it for
/// the size of a sector: a loop device refuses a smaller one.
const SECTOR: u32 = 512;

impl InodeAttributes for Daxfs {
    fn stat(inode: &Inode, stat: &mut Stat<'_>) {
        stat.declare_dax();
        let InodeKind::Regular(data) = inode.info().kind else { return };
        if matches!(data, FileData::Direct { .. } | FileData::Sparse(_)) {
            stat.set_dax();
        }
        stat.set_direct_io_alignment(SECTOR);
    }

    fn acl(inode: &Inode, kind: AclKind) -> Result<Option<Acl>> {
        let namespace = match kind {
            AclKind::Access => Namespace::AclAccess,
            AclKind::Default => Namespace::AclDefault,
        };
        let Some(value) = xattr::read(inode, namespace, b"")? else { return Ok(None) };
        inode.parse_acl(&value).map_err(|error| refused_acl(error, inode))
    }
}

/// Returns the error number for an ACL that the kernel refuses. The kernel's own would reach tasks
/// that walk a path, and some of these numbers say that there is no ACL.
fn refused_acl(error: Error, inode: &Inode) -> Error {
    if error == code::ENOMEM {
        return error;
    }
    match inode.mount() {
        Ok(mount) => {
            let number = inode.number();
            mount.report_corrupt(format_args!("inode {number} has an ACL that is none"))
        }
        Err(error) => error,
    }
}
