// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations on names, contents and attributes.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use anyhow::Result;

use super::{inspect, open, open_with, Place};
use crate::cases::{at, handles};
use crate::image::MOUNT;
use crate::sys;

pub(super) fn lstat(place: &mut Place) -> Result<()> {
    fs::symlink_metadata(place.path())?;
    Ok(())
}

pub(super) fn list(place: &mut Place) -> Result<()> {
    let directory = place.directory();
    for entry in fs::read_dir(directory)?.take(4000) {
        let entry = entry?;
        inspect(std::os::unix::ffi::OsStrExt::as_bytes(
            entry.file_name().as_os_str(),
        ))?;
        if place.random.below(20) == 0 {
            entry.metadata()?;
        }
    }
    Ok(())
}

pub(super) fn list_from(place: &mut Place) -> Result<()> {
    let directory = sys::open(place.directory(), libc::O_RDONLY | libc::O_DIRECTORY)?;
    let position = i64::try_from(place.random.any() >> 1)?;
    sys::seek(&directory, position, libc::SEEK_SET)?;
    let mut buffer = vec![0_u8; 16384];
    let (fd, room) = (usize::try_from(directory.as_raw_fd())?, buffer.len());
    for _ in 0..20 {
        let to = sys::address_of_mut(buffer.as_mut_slice());
        if sys::syscall(libc::SYS_getdents64, [fd, to, room, 0, 0])? == 0 {
            break;
        }
    }
    inspect(&buffer)
}

pub(super) fn read(place: &mut Place) -> Result<()> {
    let file = open(place.file())?;
    let mut bytes = vec![0; 1 + place.random.index(65536)];
    let length = file.read_at(&mut bytes, place.offset())?;
    inspect(&bytes[..length])
}

pub(super) fn read_directly(place: &mut Place) -> Result<()> {
    let file = open_with(place.file(), libc::O_DIRECT)?;
    let mut bytes = vec![0; 16384];
    let length = file.read_at(&mut bytes, place.offset() / 4096 * 4096)?;
    inspect(&bytes[..length])
}

pub(super) fn readlink(place: &mut Place) -> Result<()> {
    let name = *place.random.pick(&["link", "dangling", "long-link"]);
    let target = fs::read_link(at(name))?;
    inspect(std::os::unix::ffi::OsStrExt::as_bytes(target.as_os_str()))
}

pub(super) fn xattrs(place: &mut Place) -> Result<()> {
    let name = *place
        .random
        .pick(&["attributes", "acl", "acl-directory", "small"]);
    let path = at(name);
    for name in sys::listxattr(&path, 65536)? {
        inspect(name.as_bytes())?;
        inspect(&sys::getxattr(&path, &name, 65536)?)?;
    }
    for name in [
        "system.posix_acl_access",
        "system.posix_acl_default",
        "user.absent",
    ] {
        match sys::getxattr(&path, name, 65536) {
            // Most files have none of these.
            Err(error) if sys::errno(&error) == libc::ENODATA => {}
            value => inspect(&value?)?,
        }
    }
    Ok(())
}

pub(super) fn seek(place: &mut Place) -> Result<()> {
    let file = open(place.file())?;
    let mut at = i64::try_from(place.offset())?;
    for step in 0..40 {
        let whence = [libc::SEEK_DATA, libc::SEEK_HOLE][step % 2];
        at = sys::seek(&file, at, whence)?;
    }
    Ok(())
}

pub(super) fn fiemap(place: &mut Place) -> Result<()> {
    const FS_IOC_FIEMAP: libc::c_ulong = 0xc020_660b;
    const EXTENTS: u64 = 16;
    let file = open(place.file())?;
    // start, length, flags and mapped, count and reserved; then the extents
    let mut request = [0_u64; 4 + 7 * 16];
    request[..4].copy_from_slice(&[place.offset(), u64::MAX >> 1, 0, EXTENTS]);
    // SAFETY: The request has room for as many extents as it says.
    sys::check(unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, request.as_mut_ptr()) })?;
    Ok(())
}

pub(super) fn sendfile(place: &mut Place) -> Result<()> {
    let (from, to) = (
        open(place.file())?,
        File::options().write(true).open("/dev/null")?,
    );
    let mut offset = i64::try_from(place.offset())?;
    let length = 200_000;
    // SAFETY: The descriptors are open, the offset is writable.
    let sent = unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), &mut offset, length) };
    sys::check(i64::try_from(sent)?)?;
    Ok(())
}

pub(super) fn handle(place: &mut Place) -> Result<()> {
    let path = place.path();
    handles::reopen(&path)
}

pub(super) fn forged(place: &mut Place) -> Result<()> {
    let words = [
        place.random.any(),
        place.random.below(4000),
        place.random.any(),
    ];
    let path = place.file();
    handles::reopen_forged(&path, words)
}

pub(super) fn statfs(_: &mut Place) -> Result<()> {
    sys::statfs(MOUNT).map(drop)
}
