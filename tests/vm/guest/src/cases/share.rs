// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers from one root file system, on one of several file systems; the host counts what they take.

use std::fs;
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};

use super::kernels::Containers;
use super::{debian, share, Case};
use crate::control::Control;
use crate::init::{mount_image, phys, MOUNT};
use crate::sys;

pub(super) const CASES: &[Case] = &[share("containers", containers)];

/// Where the containers' root is.
const ROOT: &str = "/tmp/column";

fn containers() -> Result<()> {
    let control = Control::open()?;
    sys::unmount(MOUNT, 0)?;
    fs::create_dir_all(ROOT)?;
    control.step(1)?;
    mount_column()?;
    let _furniture = debian::Furniture::new(ROOT, &["tmp"])?;
    let containers = Containers::start(ROOT);
    control.step(2)?;
    containers.map(drop)
}

fn mount_column() -> Result<()> {
    let column = std::env::var("DAXFS_COLUMN").context("no column")?;
    match column.as_str() {
        "daxfs" => sys::mount("none", ROOT, "daxfs", 0, &format!("phys={}", phys())),
        "erofs-dax" | "erofs-shared" => {
            sys::mount("/dev/pmem0", ROOT, "erofs", libc::MS_RDONLY, "dax")
        }
        "erofs" => sys::mount("/dev/vda", ROOT, "erofs", libc::MS_RDONLY, ""),
        "tmpfs" => fill_tmpfs(),
        other => bail!("no column is called {other}"),
    }
}

/// Copies the tree from the image, which leaves nothing in the page cache.
fn fill_tmpfs() -> Result<()> {
    sys::mount("none", ROOT, "tmpfs", 0, "size=90%")?;
    mount_image()?;
    let copied = Command::new("/bin/busybox")
        .args(["cp", "-a", &format!("{MOUNT}/."), ROOT])
        .status()?;
    ensure!(copied.success(), "cp: {copied}");
    sys::unmount(MOUNT, 0)
}
