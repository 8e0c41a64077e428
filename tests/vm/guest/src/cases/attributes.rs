// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes: statx, statfs, extended attributes, ACLs, permissions, special files.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{ensure, Result};

use super::{at, Case};
use crate::image::MOUNT;
use crate::sample::{acl, long_value, ATTRIBUTE, ATTRIBUTE_VALUE, PAGE, SPARSE_PIECES, USER};
use crate::sys;
use crate::sys::read_text;

pub(super) const CASES: &[Case] = &[
    ("statx", statx),
    ("statfs", statfs),
    ("extended-attributes", xattrs),
    ("trusted-attributes-are-for-root", trusted),
    ("access-control-lists", acls),
    ("permissions", permissions),
    ("device-nodes-and-fifos", special),
    ("nodev-and-nosuid", nodev),
];

/// statx says which files are mapped in place, and how much memory a file takes.
fn statx() -> Result<()> {
    let attribute = u64::try_from(libc::STATX_ATTR_DAX)?;
    for (name, direct) in [
        ("huge", true),
        ("odd", true),
        ("small", false),
        ("sparse", true),
        ("void", false),
    ] {
        let stat = sys::statx(&at(name))?;
        // Direct I/O takes any address and offset of a regular file, but loop devices take the
        // alignment for the size of their blocks.
        let alignment = if name == "void" { 0 } else { 512 };
        ensure!(
            stat.stx_mask & libc::STATX_DIOALIGN != 0 || alignment == 0,
            "{name}: the alignment is unknown"
        );
        ensure!(
            (stat.stx_dio_mem_align, stat.stx_dio_offset_align) == (alignment, alignment),
            "{name}: another alignment"
        );
        ensure!(
            stat.stx_attributes_mask & attribute != 0,
            "{name}: the attribute is unknown"
        );
        ensure!(
            (stat.stx_attributes & attribute != 0) == direct,
            "{name}: DAX {}",
            !direct
        );
        ensure!(
            u64::from(stat.stx_blksize) == PAGE,
            "{name}: block size {}",
            stat.stx_blksize
        );
    }
    let held: u64 = SPARSE_PIECES.iter().map(|piece| piece.1).sum();
    for (name, bytes) in [
        ("small", 512),
        ("odd", 4 * PAGE),
        ("sparse", held),
        ("hole", 0),
        ("empty", 0),
    ] {
        let blocks = sys::statx(&at(name))?.stx_blocks;
        ensure!(blocks == bytes / 512, "{name} has {blocks} blocks");
    }
    Ok(())
}

fn statfs() -> Result<()> {
    let stat = sys::statfs(MOUNT)?;
    ensure!(
        stat.f_bfree == 0 && stat.f_bavail == 0 && stat.f_ffree == 0,
        "room in an image"
    );
    ensure!(stat.f_blocks > 1000, "{} blocks", stat.f_blocks);
    ensure!(
        stat.f_files > u64::try_from(crate::sample::MANY)?,
        "{} files",
        stat.f_files
    );
    ensure!(stat.f_namelen == 255, "names of {}", stat.f_namelen);
    // SAFETY: The type is two integers.
    let id: [i32; 2] = unsafe { std::mem::transmute(stat.f_fsid) };
    ensure!(id != [0, 0], "no file system id");
    Ok(())
}

fn xattrs() -> Result<()> {
    let file = at("attributes");
    let get = |name, room| sys::getxattr(&file, name, room);
    ensure!(
        get(ATTRIBUTE, 100)? == ATTRIBUTE_VALUE,
        "{ATTRIBUTE} differs"
    );
    ensure!(
        get("user.long", 3000)? == long_value(),
        "the long value differs"
    );
    ensure!(
        get("user.empty", 10)?.is_empty(),
        "the empty value is not empty"
    );
    ensure!(
        get("trusted.secret", 100)? == b"for root",
        "trusted.secret differs"
    );
    ensure!(
        get("security.label", 100)? == b"some label",
        "security.label differs"
    );
    sys::expect_errno("a small buffer", get("user.long", 2999), libc::ERANGE)?;
    sys::expect_errno("an absent name", get("user.absent", 10), libc::ENODATA)?;
    sys::expect_errno(
        "a file without",
        sys::getxattr(&at("small"), ATTRIBUTE, 10),
        libc::ENODATA,
    )?;
    let names = sys::listxattr(&file, 1000)?;
    let wanted = [
        "security.label",
        "trusted.secret",
        "user.empty",
        "user.long",
        ATTRIBUTE,
    ];
    ensure!(names == wanted, "listed {names:?}");
    sys::expect_errno("a small list", sys::listxattr(&file, 20), libc::ERANGE)?;
    ensure!(
        sys::listxattr(&at("small"), 100)?.is_empty(),
        "attributes of a file without"
    );
    let names = sys::listxattr(&at("acl"), 100)?;
    ensure!(names == ["system.posix_acl_access"], "listed {names:?}");
    Ok(())
}

fn trusted() -> Result<()> {
    sys::in_child(|| {
        sys::become_user(USER, USER)?;
        let names = sys::listxattr(&at("attributes"), 1000)?;
        ensure!(
            !names.iter().any(|name| name.starts_with("trusted.")),
            "listed {names:?}"
        );
        let value = sys::getxattr(&at("attributes"), "trusted.secret", 100);
        ensure!(value.is_err(), "a user reads trusted attributes");
        ensure!(
            sys::getxattr(&at("attributes"), ATTRIBUTE, 100)? == ATTRIBUTE_VALUE,
            "differs"
        );
        Ok(())
    })
}

fn can_read(name: &str, uid: u32, gid: u32) -> Result<bool> {
    let path = at(name);
    let end = sys::Child::fork(move || {
        sys::become_user(uid, gid)?;
        fs::read(path)?;
        Ok(())
    })?;
    Ok(end.wait()? == sys::End::Exit(0))
}

/// The file's mode gives others nothing; its ACL lets one user read.
fn acls() -> Result<()> {
    for (name, attribute) in [
        ("acl", "system.posix_acl_access"),
        ("acl-directory", "system.posix_acl_default"),
    ] {
        ensure!(
            sys::getxattr(&at(name), attribute, 100)? == acl(),
            "{attribute} differs"
        );
    }
    ensure!(can_read("acl", USER, USER)?, "the named user cannot read");
    ensure!(
        !can_read("acl", USER + 1, USER + 1)?,
        "another user can read"
    );
    ensure!(
        !can_read("acl", USER + 1, 0)?,
        "the group can read, whose entry is ---"
    );
    Ok(())
}

fn permissions() -> Result<()> {
    ensure!(
        !can_read("private", USER, USER)?,
        "others read a private file"
    );
    ensure!(can_read("owned", USER, USER)?, "the owner cannot read");
    ensure!(can_read("owned", USER + 1, 2000)?, "the group cannot read");
    ensure!(!can_read("owned", USER + 1, USER + 1)?, "others can read");
    Ok(())
}

fn special() -> Result<()> {
    File::options()
        .write(true)
        .open(at("null"))?
        .write_all(b"gone")?;
    ensure!(
        fs::read(at("null"))?.is_empty(),
        "bytes from the null device"
    );
    let writer = sys::Child::fork(|| {
        File::options()
            .write(true)
            .open(at("fifo"))?
            .write_all(b"through the pipe")?;
        Ok(())
    })?;
    let mut text = String::new();
    File::open(at("fifo"))?.read_to_string(&mut text)?;
    ensure!(text == "through the pipe", "read {text:?}");
    ensure!(writer.wait()? == sys::End::Exit(0), "the writer failed");
    Ok(())
}

fn nodev() -> Result<()> {
    let target = "/tmp/nodev";
    fs::create_dir_all(target)?;
    let options = format!("phys={}", crate::image::phys());
    sys::mount(
        "none",
        target,
        "daxfs",
        libc::MS_NODEV | libc::MS_NOSUID,
        &options,
    )?;
    let opened = File::open(Path::new(target).join("null")).map_err(anyhow::Error::from);
    let mounts = read_text("/proc/mounts")?;
    sys::unmount(target, 0)?;
    sys::expect_errno("a device on a nodev mount", opened, libc::EACCES)?;
    let line = mounts
        .lines()
        .find(|line| line.contains(target))
        .unwrap_or_default();
    ensure!(
        line.contains("ro,nosuid,nodev") && line.contains("phys=0x"),
        "shown as {line:?}"
    );
    Ok(())
}
