// SPDX-License-Identifier: MIT OR Apache-2.0
//! One tree on three file systems, all of them read-only: the image, ext4 on a pmem device, tmpfs.
//!
//! The tables show the results of other projects' suites on the image beside those on the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};
use daxfs_vm_protocol::Cell;

use crate::boot::IMAGE;
use crate::sys;

/// A file system with the tree.
pub(crate) struct Target {
    /// The name in tables.
    pub(crate) name: &'static str,
    /// The mount point.
    pub(crate) root: PathBuf,
}

impl Target {
    /// Returns true for the file system under test.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == "daxfs"
    }

    /// Prints a cell of a table.
    pub(crate) fn tell(&self, table: &str, row: &str, value: impl std::fmt::Display) {
        let cell = Cell {
            table,
            row,
            column: self.name,
            value: &value.to_string(),
        };
        println!("{cell}");
    }
}

/// Returns the three, the product first. Those that are missing are mounted.
pub(crate) fn all() -> Result<[Target; 3]> {
    let ext4 = Path::new("/run/ext4");
    if !ext4.exists() {
        fs::create_dir(ext4)?;
        sys::mount("/dev/pmem0", "/run/ext4", "ext4", libc::MS_RDONLY, "")
            .context("cannot mount ext4")?;
    }
    let tmpfs = Path::new("/run/tmpfs");
    if !tmpfs.exists() {
        fs::create_dir(tmpfs)?;
        fill(tmpfs).context("cannot fill a tmpfs")?;
    }
    Ok([
        ("daxfs", Path::new(IMAGE)),
        ("ext4", ext4),
        ("tmpfs", tmpfs),
    ]
    .map(|(name, root)| Target {
        name,
        root: root.to_owned(),
    }))
}

/// Mounts a tmpfs and copies the image into it.
fn fill(on: &Path) -> Result<()> {
    let target = on.to_string_lossy();
    sys::mount("none", &target, "tmpfs", 0, "size=90%")?;
    let copy = Command::new("cp")
        .arg("-a")
        .arg(format!("{IMAGE}/."))
        .arg(on)
        .status()?;
    ensure!(copy.success(), "cp: {copy}");
    sys::mount("none", &target, "", libc::MS_REMOUNT | libc::MS_RDONLY, "")
}
