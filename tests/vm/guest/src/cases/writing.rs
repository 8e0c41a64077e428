// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attempts to write: each says that the file system is read-only.

use std::ffi::CString;
use std::fs::{self, File};

use anyhow::{ensure, Error, Result};

use super::{at, Case};
use crate::sys::{self, expect_errno};

pub(super) const CASES: &[Case] = &[
    ("writes-are-refused", refused),
    ("a-remount-stays-read-only", remount),
];

fn refused() -> Result<()> {
    let rofs = |what: &str, result: std::io::Result<()>| {
        expect_errno(what, result.map_err(Error::from), libc::EROFS)
    };
    rofs(
        "open for writing",
        File::options().write(true).open(at("small")).map(drop),
    )?;
    rofs(
        "truncate",
        File::options()
            .read(true)
            .write(true)
            .truncate(true)
            .open(at("small"))
            .map(drop),
    )?;
    rofs("create", File::create(at("new")).map(drop))?;
    rofs("mkdir", fs::create_dir(at("new")))?;
    rofs("unlink", fs::remove_file(at("small")))?;
    rofs("rmdir", fs::remove_dir(at("void")))?;
    rofs("rename", fs::rename(at("small"), at("other")))?;
    rofs("link", fs::hard_link(at("small"), at("other")))?;
    rofs("symlink", std::os::unix::fs::symlink("x", at("other")))?;
    expect_errno("chmod", sys::chmod(&at("small"), 0o777), libc::EROFS)?;
    rofs(
        "chown",
        std::os::unix::fs::chown(at("small"), Some(1), Some(1)),
    )?;
    expect_errno("utimens", sys::set_mtime(&at("small"), (1, 1)), libc::EROFS)?;
    expect_errno(
        "mknod",
        sys::mknod(&at("node"), libc::S_IFIFO, 0),
        libc::EROFS,
    )?;
    let name = CString::new("user.new")?;
    expect_errno(
        "setxattr",
        sys::setxattr(&at("small"), &name, b"x"),
        libc::EROFS,
    )
}

/// A remount succeeds with any part of the options of the mount, with `ro` or without, and the mount
/// stays read-only. Other options are refused.
fn remount() -> Result<()> {
    let phys = format!("phys={}", crate::image::phys());
    for flags in [libc::MS_REMOUNT, libc::MS_REMOUNT | libc::MS_RDONLY] {
        for options in ["", &phys] {
            sys::mount("none", "/mnt", "daxfs", flags, options)?;
            refused()?;
        }
        let other = sys::mount("none", "/mnt", "daxfs", flags, "phys=2M");
        expect_errno("another phys", other, libc::EINVAL)?;
    }
    let text = sys::read_text("/proc/self/mountinfo")?;
    let line = text.lines().find(|line| line.contains(" - daxfs "));
    let superblock = line.and_then(|line| line.rsplit(' ').next());
    ensure!(
        superblock.is_some_and(|options| options.split(',').any(|option| option == "ro")),
        "options of the superblock: {superblock:?}"
    );
    Ok(())
}
