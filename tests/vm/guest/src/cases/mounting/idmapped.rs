// SPDX-License-Identifier: MIT OR Apache-2.0
//! Idmapped mounts.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Result};

use crate::sample::USER;
use crate::sys::{self, Gate};

/// An idmapped mount shows root's files as the user's.
pub(super) fn idmapped() -> Result<()> {
    let ready = Gate::new()?;
    let holder = sys::Child::fork(|| {
        sys::unshare(libc::CLONE_NEWUSER)?;
        ready.open()?;
        sys::wait_for_end()
    })?;
    ready.wait()?;
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{map}", holder.pid()), "0 7000 10000")?;
    }
    let result = mount_idmapped(&format!("/proc/{}/ns/user", holder.pid()));
    holder.kill()?;
    result
}

/// `struct mount_attr`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn mount_idmapped(namespace: &str) -> Result<()> {
    const OPEN_TREE_CLONE: usize = 1;
    const AT_EMPTY_PATH: usize = 0x1000;
    const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
    const MOVE_MOUNT_F_EMPTY_PATH: usize = 4;
    let cwd = usize::from_ne_bytes(i64::from(libc::AT_FDCWD).to_ne_bytes());
    let namespace = fs::File::open(namespace)?;
    let path = sys::address_of(c"/mnt".to_bytes_with_nul());
    let tree = sys::syscall(libc::SYS_open_tree, [cwd, path, OPEN_TREE_CLONE, 0, 0])?;
    let tree = usize::try_from(tree)?;
    let attributes = MountAttributes {
        set: MOUNT_ATTR_IDMAP,
        clear: 0,
        propagation: 0,
        user_namespace: u64::try_from(namespace.as_raw_fd())?,
    };
    let (empty, size) = (
        sys::address_of(c"".to_bytes_with_nul()),
        size_of::<MountAttributes>(),
    );
    let at = sys::address_of(&attributes);
    sys::syscall(
        libc::SYS_mount_setattr,
        [tree, empty, AT_EMPTY_PATH, at, size],
    )?;
    fs::create_dir_all("/tmp/mapped")?;
    let target = sys::address_of(c"/tmp/mapped".to_bytes_with_nul());
    sys::syscall(
        libc::SYS_move_mount,
        [tree, empty, cwd, target, MOVE_MOUNT_F_EMPTY_PATH],
    )?;
    let (private, owned) = (
        fs::metadata("/tmp/mapped/private")?,
        fs::metadata("/tmp/mapped/owned")?,
    );
    let readable = sys::in_child(|| {
        sys::become_user(7000, 7000)?;
        ensure!(
            fs::read("/tmp/mapped/private")? == b"private",
            "content differs"
        );
        Ok(())
    });
    sys::unmount("/tmp/mapped", libc::MNT_DETACH)?;
    sys::syscall(libc::SYS_close, [tree, 0, 0, 0, 0])?;
    ensure!(
        private.uid() == 7000,
        "root's file belongs to {}",
        private.uid()
    );
    ensure!(
        owned.uid() == 7000 + USER && owned.gid() == 9000,
        "owned by {}",
        owned.uid()
    );
    readable
}
