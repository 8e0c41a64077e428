// SPDX-License-Identifier: GPL-2.0-only
//! Finding, filling, changing and describing superblocks.
//!
//! One superblock stands for one image in memory. Another mount of the same address gets the same
//! superblock, after the checks that this mount asks for.

use daxfs_format::InodeKind;
use kernel::error::code;
use kernel::prelude::*;

use super::inode::Daxfs;
use crate::image::mounted::Mounted;
use crate::memory::Service;
use crate::sys::errno;
use crate::sys::fs::context::FsContext;
use crate::sys::fs::mount::{
    Found, LockedSuperblock, Mounts, NewSuperblock, SeqFile, Statistics,
};
use crate::sys::log::Log;

/// `f_type` of statfs(2): "DAXF".
const MAGIC: u32 = 0x4658_4144;

impl Mounts for Daxfs {
    type Service = Service;

    const NAME: &'static CStr = c"daxfs";

    fn get_tree(context: &FsContext<'_, Self>) -> Result<LockedSuperblock<Self>> {
        let (log, options) = (context.log(), context.options());
        let Some(phys) = options.phys else {
            log.error(format_args!(
                "phys=ADDR is needed: where in physical memory the image begins"
            ));
            return Err(code::EINVAL);
        };
        match context.superblock(phys)? {
            Found::New(new) => {
                let mounted = Mounted::open(phys, options, log)?;
                fill(new, mounted, log)
            }
            Found::Existing(superblock) => {
                superblock.mount()?.check_again(options, log)?;
                Ok(superblock)
            }
        }
    }

    fn reconfigure(context: &FsContext<'_, Self>, mount: &Mounted) -> Result {
        let (log, options) = (context.log(), context.options());
        if !options.keep(mount.options(), &mount.identity()) {
            log.error(format_args!("phys, size and identity cannot be changed by a remount"));
            return Err(code::EINVAL);
        }
        if options.validate {
            mount.check_again(options, log)?;
        }
        Ok(())
    }

    fn statfs(mount: &Mounted) -> Statistics {
        let image = mount.image();
        Statistics {
            magic: MAGIC,
            size: image.superblock().image_size(),
            inodes: image.inode_count().into(),
            // CAST: The number is 255.
            name_length: daxfs_format::limits::MAX_NAME as u32,
            uuid: image.superblock().uuid(),
        }
    }

    fn show_options(mount: &Mounted, into: &SeqFile<'_>) {
        let options = mount.options();
        if let Some(phys) = options.phys {
            into.print(format_args!(",phys={phys:#x}"));
        }
        if let Some(size) = options.size {
            into.print(format_args!(",size={size:#x}"));
        }
        if let Some(identity) = &options.identity {
            into.print(format_args!(",identity={identity}"));
        }
    }
}

/// Fills a new superblock.
fn fill(
    new: NewSuperblock<Daxfs>,
    mounted: Mounted,
    log: Log<'_>,
) -> Result<LockedSuperblock<Daxfs>> {
    let mount = new.set_up(mounted)?;
    mount.backing().set_failure_handler(new.downgrade()?);
    warn_of_slow_memory(mount, log);
    let root = mount.image().superblock().root();
    // The root is read again below. Here its errors go to the context's log.
    mount.image().inode(root).map_err(|error| mount.refuse(error, log))?;
    let inode = new.inode(root.get().into())?;
    if !matches!(inode.info().kind, InodeKind::Directory(_)) {
        log.error(format_args!("corrupt image: root inode {root} is not a directory"));
        return Err(errno::corrupt());
    }
    mount.verify_later();
    new.finish(inode)
}

/// Warns if the memory is mapped uncached: all is right then, but each access takes as long as one
/// to a register of a device, unless a hypervisor caches it.
fn warn_of_slow_memory(mount: &Mounted, log: Log<'_>) {
    let backing = mount.backing();
    if !backing.is_cached() {
        log.warning(format_args!(
            "memory at {backing} is mapped uncached, which is very slow: the firmware does not \
             call it write-back (/proc/mtrr); place the device above 4 GiB"
        ));
    }
}
