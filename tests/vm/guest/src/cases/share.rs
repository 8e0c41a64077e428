// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers from one root file system, on one of several file systems; the host counts what they
//! take.

use std::fs;
use std::process::Command;

use anyhow::{bail, ensure, Result};
use daxfs_vm_protocol::{words, Setting};

use super::kernels::Containers;
use super::{debian, Case};
use crate::control::Control;
use crate::image::{mount_image, phys, MOUNT};
use crate::{settings, sys};

pub(super) const CASES: &[Case] = &[("containers", containers)];

/// The root of the containers.
const ROOT: &str = "/tmp/column";

fn containers() -> Result<()> {
    let control = Control::open()?;
    sys::unmount(MOUNT, 0)?;
    fs::create_dir_all(ROOT)?;
    control.step(words::share::IDLE)?;
    mount_column()?;
    let _furniture = debian::Furniture::new(ROOT, &["tmp"])?;
    let containers = Containers::start(ROOT);
    control.step(words::share::CONTAINERS)?;
    containers.map(drop)
}

fn mount_column() -> Result<()> {
    let column = settings::get(Setting::Column)?;
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
