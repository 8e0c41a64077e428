// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failing allocations of lookup, reading, listing, attributes, handles.

use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use anyhow::{ensure, Result};
use libc::c_long;

use super::super::at;
use super::super::handles::{self, Handle};
use super::{exhaust, expect_bytes, expect_file, forget_names, path, Operation};
use crate::image::MOUNT;
use crate::sample::{SMALL_FILE, WIDE_FILE};
use crate::sys;

pub(super) fn lookup() -> Result<()> {
    let name = "deep/deeper/file";
    let (path, wanted) = (path(name)?, fs::symlink_metadata(at(name))?.ino());
    let stat: RefCell<libc::stat> = RefCell::new(sys::zeroed());
    exhaust(Operation {
        name: "lookup",
        prepare: &forget_names,
        // SAFETY: The path is a C string, the buffer is writable.
        act: &mut || unsafe { libc::lstat(path.as_ptr(), stat.as_ptr()) }.into(),
        judge: &|_| {
            let found = stat.borrow().st_ino;
            ensure!(found == wanted, "inode {found} for {wanted}");
            Ok(())
        },
        errors: &[libc::ENOMEM],
    })
}

pub(super) fn read() -> Result<()> {
    for name in [SMALL_FILE.name, WIDE_FILE.name, "sparse"] {
        let path = path(name)?;
        let mut wanted = fs::read(at(name))?;
        wanted.truncate(70_000);
        let buffer = RefCell::new(vec![0_u8; 70_000]);
        exhaust(Operation {
            name: &format!("open and read of {name}"),
            prepare: &forget_names,
            act: &mut || read_once(&path, &mut buffer.borrow_mut()),
            judge: &|length| expect_bytes(&buffer, length, &wanted),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn read_once(path: &CStr, buffer: &mut [u8]) -> c_long {
    // SAFETY: The path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY) };
    if fd == -1 {
        return -1;
    }
    // SAFETY: The buffer is writable.
    let count = unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    // SAFETY: The descriptor is ours; closing it leaves the error number of the read alone.
    unsafe { libc::syscall(libc::SYS_close, fd) };
    c_long::try_from(count).unwrap_or(-1)
}

pub(super) fn readdir() -> Result<()> {
    let path = path("many")?;
    let mut wanted = vec![0_u8; 1 << 18];
    let length = sys::check(list_once(&path, &mut wanted))?;
    wanted.truncate(usize::try_from(length)?);
    let buffer = RefCell::new(vec![0_u8; 1 << 18]);
    exhaust(Operation {
        name: "readdir",
        prepare: &forget_names,
        act: &mut || list_once(&path, &mut buffer.borrow_mut()),
        judge: &|length| expect_bytes(&buffer, length, &wanted),
        errors: &[libc::ENOMEM],
    })
}

fn list_once(path: &CStr, buffer: &mut [u8]) -> c_long {
    // SAFETY: The path is a C string.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) };
    if fd == -1 {
        return -1;
    }
    let (room, length) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: The buffer is writable.
    let result = unsafe { libc::syscall(libc::SYS_getdents64, fd, room, length) };
    // SAFETY: The descriptor is ours.
    unsafe { libc::syscall(libc::SYS_close, fd) };
    result
}

pub(super) fn symlinks() -> Result<()> {
    let wanted = fs::read_link(at("long-link"))?;
    let buffer = RefCell::new(vec![0_u8; 4096]);
    let (link, through) = (path("long-link")?, path("link")?);
    exhaust(Operation {
        name: "readlink",
        prepare: &forget_names,
        act: &mut || {
            let room = buffer.borrow_mut().as_mut_ptr().cast();
            // SAFETY: The path is a C string, the buffer is writable.
            let length = unsafe { libc::readlink(link.as_ptr(), room, 4096) };
            c_long::try_from(length).unwrap_or(-1)
        },
        judge: &|length| expect_bytes(&buffer, length, wanted.as_os_str().as_bytes()),
        errors: &[libc::ENOMEM],
    })?;
    exhaust(Operation {
        name: "open through a link",
        prepare: &forget_names,
        // SAFETY: The path is a C string.
        act: &mut || unsafe { libc::open(through.as_ptr(), libc::O_RDONLY) }.into(),
        judge: &|fd| expect_file(fd, "link"),
        errors: &[libc::ENOMEM],
    })
}

pub(super) fn attributes() -> Result<()> {
    let buffer = RefCell::new(vec![0_u8; 65536]);
    for (file, name) in [
        ("attributes", c"user.long"),
        ("acl", c"system.posix_acl_access"),
        ("attributes", c""),
    ] {
        let path = path(file)?;
        let what = match name.to_str()? {
            "" => "listxattr",
            name => name,
        };
        let mut wanted = vec![0_u8; 65536];
        let length = sys::check(attribute_once(&path, name, &mut wanted))?;
        wanted.truncate(usize::try_from(length)?);
        exhaust(Operation {
            name: what,
            prepare: &forget_names,
            act: &mut || attribute_once(&path, name, &mut buffer.borrow_mut()),
            judge: &|length| expect_bytes(&buffer, length, &wanted),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn attribute_once(path: &CStr, name: &CStr, buffer: &mut [u8]) -> c_long {
    let (room, length) = (buffer.as_mut_ptr(), buffer.len());
    let result = if name.is_empty() {
        // SAFETY: The path is a C string, the buffer is writable.
        unsafe { libc::llistxattr(path.as_ptr(), room.cast(), length) }
    } else {
        // SAFETY: Path and name are C strings, the buffer is writable.
        unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), room.cast(), length) }
    };
    c_long::try_from(result).unwrap_or(-1)
}

pub(super) fn open_handles() -> Result<()> {
    let root = RefCell::new(None);
    for name in ["deep/deeper/file", "deep/deeper/deeper"] {
        let handle: Handle = handles::handle_of(name, 0)?;
        exhaust(Operation {
            name: &format!("open_by_handle_at of {name}"),
            prepare: &|| {
                root.replace(None);
                forget_names()?;
                root.replace(Some(File::open(MOUNT)?));
                Ok(())
            },
            act: &mut || match root.borrow().as_ref() {
                Some(root) => handles::open_raw(root, &handle, libc::O_RDONLY),
                None => -1,
            },
            judge: &|fd| expect_file(fd, name),
            // The kernel calls a handle stale whatever went wrong with it on the way.
            errors: &[libc::ENOMEM, libc::ESTALE],
        })?;
    }
    Ok(())
}
