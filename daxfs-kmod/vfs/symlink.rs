// SPDX-License-Identifier: GPL-2.0-only
//! Symbolic links.

use daxfs_format::InodeKind;
use kernel::error::code;
use kernel::prelude::*;

use super::inode::{Daxfs, Inode};
use crate::sys::fs::symlink::{Symlinks, Target};

impl Symlinks for Daxfs {
    fn target(inode: &Inode) -> Result<Target> {
        let mount = inode.mount()?;
        let InodeKind::Symlink(link) = &inode.info().kind else { return Err(code::EINVAL) };
        let mut target = Target::new(usize::from(link.length()))?;
        mount.image().read_link(link, target.bytes()).map_err(|error| mount.report(error))?;
        Ok(target)
    }
}
