// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attempts to write: each says that the file system is read-only.

use std::ffi::CString;
use std::fs::{self, File};

use anyhow::{Error, Result};

use super::{at, Case};
use crate::sys::{self, expect_errno};

pub(super) const CASES: &[Case] = &[
    ("writes-are-refused", refused),
    ("remounting-for-writing-is-refused", remount),
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

fn remount() -> Result<()> {
    let flags = libc::MS_REMOUNT;
    expect_errno(
        "remount,rw",
        sys::mount("none", "/mnt", "daxfs", flags, ""),
        libc::EROFS,
    )?;
    sys::mount("none", "/mnt", "daxfs", flags | libc::MS_RDONLY, "")?;
    let options = format!("phys={}", crate::image::phys());
    sys::mount("none", "/mnt", "daxfs", flags | libc::MS_RDONLY, &options)?;
    let other = sys::mount("none", "/mnt", "daxfs", flags | libc::MS_RDONLY, "phys=2M");
    expect_errno("another phys", other, libc::EINVAL)
}
