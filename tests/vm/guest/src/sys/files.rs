// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paths, attributes, descriptors, pipes.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Result;
use libc::c_int;

use super::{check, descriptor, length, zeroed};

/// A path as C takes it.
pub(crate) fn cstring(path: impl AsRef<Path>) -> Result<CString> {
    Ok(CString::new(path.as_ref().as_os_str().as_bytes())?)
}

/// mknod(2), whatever the umask.
pub(crate) fn mknod(path: &Path, kind: u32, device: u64) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    check(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, device) })?;
    Ok(())
}

/// chmod(2).
pub(crate) fn chmod(path: &Path, mode: u32) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) })?;
    Ok(())
}

/// lsetxattr(2).
pub(crate) fn setxattr(path: &Path, name: &CStr, value: &[u8]) -> Result<()> {
    let path = cstring(path)?;
    // SAFETY: Path and name are C strings, the value is readable.
    let result = unsafe {
        libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    check(result)?;
    Ok(())
}

/// lgetxattr(2) with room for `room` bytes.
pub(crate) fn getxattr(path: &Path, name: &str, room: usize) -> Result<Vec<u8>> {
    let (path, name) = (cstring(path)?, CString::new(name)?);
    let mut value = vec![0; room];
    // SAFETY: Path and name are C strings, the buffer is writable.
    let result = unsafe {
        libc::lgetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            room,
        )
    };
    value.truncate(length(result)?);
    Ok(value)
}

/// llistxattr(2): the names, as the kernel gives them.
pub(crate) fn xattr_names(path: &CStr, room: usize) -> io::Result<Vec<CString>> {
    let mut list = vec![0_u8; room];
    // SAFETY: The path is a C string, the buffer is writable and `room` bytes long.
    let result = unsafe { libc::llistxattr(path.as_ptr(), list.as_mut_ptr().cast(), room) };
    list.truncate(length(result)?);
    let names = list.split_inclusive(|&byte| byte == 0);
    let name = |name: &[u8]| CStr::from_bytes_with_nul(name).map(CStr::to_owned);
    names
        .map(|bytes| name(bytes).map_err(io::Error::other))
        .collect()
}

/// llistxattr(2): the names, sorted.
pub(crate) fn listxattr(path: &Path, room: usize) -> Result<Vec<String>> {
    let names = xattr_names(&cstring(path)?, room)?;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Sets the modification time of `path` itself.
pub(crate) fn set_mtime(path: &Path, (seconds, nanoseconds): (i64, i64)) -> Result<()> {
    let path = cstring(path)?;
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = [time, time];
    // SAFETY: The path is a C string, the times are two.
    let result = unsafe {
        libc::utimensat(
            libc::AT_FDCWD,
            path.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    check(result)?;
    Ok(())
}

/// statx(2) of `path` itself.
pub(crate) fn statx(path: &Path) -> Result<libc::statx> {
    let path = cstring(path)?;
    let mut stat: libc::statx = zeroed();
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: The path is a C string, the buffer is writable.
    let result = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            libc::STATX_BASIC_STATS | libc::STATX_DIOALIGN,
            &mut stat,
        )
    };
    check(result)?;
    Ok(stat)
}

/// statfs(2).
pub(crate) fn statfs(path: impl AsRef<Path>) -> Result<libc::statfs> {
    let path = cstring(path)?;
    let mut stat: libc::statfs = zeroed();
    // SAFETY: The path is a C string, the buffer is writable.
    check(unsafe { libc::statfs(path.as_ptr(), &mut stat) })?;
    Ok(stat)
}

/// Returns the two ends of a new pipe: the one to read from, and the one to write to.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends: [RawFd; 2] = [0; 2];
    // SAFETY: There is room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [read, write] = ends;
    Ok((descriptor(read)?, descriptor(write)?))
}

/// Opens `path` with these flags.
pub(crate) fn open(path: impl AsRef<Path>, flags: c_int) -> Result<OwnedFd> {
    let path = cstring(path)?;
    // SAFETY: The path is a C string.
    descriptor(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) })
}

/// lseek(2).
pub(crate) fn seek(fd: &impl AsRawFd, offset: i64, whence: c_int) -> Result<i64> {
    // SAFETY: The descriptor is open.
    Ok(check(unsafe {
        libc::lseek(fd.as_raw_fd(), offset, whence)
    })?)
}
