// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls that the standard library lacks, as plainly as the tests need them.
//!
//! | module | owns |
//! |---|---|
//! | [`files`] | paths, attributes, descriptors, pipes |
//! | [`map`] | memory mappings |
//! | [`mount`](mod@mount) | mounts and modules |
//! | [`process`] | children, users, processors, resource use |
//! | [`ring`] | io_uring |

mod files;
mod map;
mod mount;
mod process;
mod ring;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::ptr;
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use libc::{c_int, c_long, c_void};

pub(crate) use files::{
    chmod, cstring, getxattr, listxattr, mknod, open, pipe, seek, set_mtime, setxattr, statfs,
    statx, xattr_names,
};
pub(crate) use map::{register_faults, FaultMode, Map, WriteProtect};
pub(crate) use mount::{load_module, mount, unload_module, unmount};
pub(crate) use process::{
    alarm, become_user, faults, in_child, output, read_memory, run_on_processor, time_of_children,
    unshare, unshare_mounts, usage, wait_for_end, Child, End, Gate,
};
pub(crate) use ring::Ring;

/// Turns the result of a call that returns -1 on failure into the number of the error.
pub(crate) fn check(result: impl Into<i64>) -> io::Result<i64> {
    let result = result.into();
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// Turns the result of a call that returns a length or -1 into the length.
pub(crate) fn length(result: isize) -> io::Result<usize> {
    let result = i64::try_from(result).map_err(io::Error::other)?;
    usize::try_from(check(result)?).map_err(io::Error::other)
}

/// Turns the result of a call that returns a new descriptor or -1 into the descriptor.
pub(crate) fn descriptor(result: impl Into<i64>) -> Result<OwnedFd> {
    let fd = RawFd::try_from(check(result)?)?;
    // SAFETY: The callers pass the result of a call that has just made this descriptor, so it is
    // open and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns a value whose bytes are all zero.
pub(crate) fn zeroed<T: Zeroable>() -> T {
    // SAFETY: All bytes zero are a value of `T`, as `Zeroable` promises.
    unsafe { std::mem::zeroed() }
}

/// Structures of C of which all bytes zero are a value.
///
/// # Safety
/// All bytes zero are a value of the type.
pub(crate) unsafe trait Zeroable {}

// SAFETY: The structure holds integers only.
unsafe impl Zeroable for libc::stat {}

// SAFETY: The structure holds integers only.
unsafe impl Zeroable for libc::statfs {}

// SAFETY: The structure holds integers only.
unsafe impl Zeroable for libc::statx {}

// SAFETY: The structure holds integers only.
unsafe impl Zeroable for libc::rusage {}

// SAFETY: The structure holds integers only.
unsafe impl Zeroable for libc::cpu_set_t {}

/// The error number in an error of the operating system, however wrapped; 0 if there is none.
pub(crate) fn errno(error: &anyhow::Error) -> i32 {
    let found = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    found.unwrap_or(0)
}

/// Fails unless `result` failed with this error number.
pub(crate) fn expect_errno<T>(what: &str, result: Result<T>, wanted: i32) -> Result<()> {
    match result {
        Ok(_) => Err(anyhow!(
            "{what} succeeded, but should fail with {}",
            name(wanted)
        )),
        Err(error) if errno(&error) == wanted => Ok(()),
        Err(error) => Err(anyhow!(
            "{what} failed with {error:#}, not {}",
            name(wanted)
        )),
    }
}

fn name(number: i32) -> String {
    io::Error::from_raw_os_error(number).to_string()
}

/// A system call by number, for those that have no function.
pub(crate) fn syscall(number: c_long, arguments: [usize; 5]) -> Result<i64> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: The callers pass what the system call takes.
    Ok(check(unsafe { libc::syscall(number, a, b, c, d, e) })?)
}

/// The same with six arguments.
pub(crate) fn syscall6(number: c_long, arguments: [usize; 6]) -> Result<i64> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: The callers pass what the system call takes.
    Ok(check(unsafe { libc::syscall(number, a, b, c, d, e, f) })?)
}

/// ioctl(2) with an argument that is as long as the request says.
pub(crate) fn ioctl<T>(file: &impl AsRawFd, request: u64, argument: &mut T) -> Result<()> {
    // SAFETY: The descriptor is open, and the callers pass the structure of the request.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request, ptr::from_mut(argument)) })?;
    Ok(())
}

/// The address of a value, as a system call takes it.
pub(crate) fn address_of<T: ?Sized>(value: &T) -> usize {
    ptr::from_ref(value).cast::<c_void>().addr()
}

/// The address of a value that a system call writes.
pub(crate) fn address_of_mut<T: ?Sized>(value: &mut T) -> usize {
    ptr::from_mut(value).cast::<c_void>().expose_provenance()
}

/// Forgets cached pages, names and inodes that are not in use.
pub(crate) fn drop_caches() -> Result<()> {
    std::fs::write("/proc/sys/vm/drop_caches", "3").context("cannot drop caches")
}

/// The same, and waits until their memory is free. It is freed after a grace period, and the second
/// round finds what the first has freed.
pub(crate) fn free_caches(grace: Duration) -> Result<()> {
    for _ in 0..2 {
        drop_caches()?;
        std::thread::sleep(grace);
    }
    Ok(())
}

/// The error numbers that the cases meet, with their names.
const ERRORS: &[(i32, &str)] = &[
    (libc::EACCES, "EACCES"),
    (libc::EBUSY, "EBUSY"),
    (libc::EFAULT, "EFAULT"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
    (libc::ELOOP, "ELOOP"),
    (libc::ENODATA, "ENODATA"),
    (libc::ENOENT, "ENOENT"),
    (libc::ENOEXEC, "ENOEXEC"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::ENXIO, "ENXIO"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::ESRCH, "ESRCH"),
    (libc::ESTALE, "ESTALE"),
    (libc::EUCLEAN, "EUCLEAN"),
];

/// Returns the name of an error number.
pub(crate) fn errno_name(number: i32) -> String {
    let known = ERRORS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

/// Returns the text of a file of /proc or /sys.
pub(crate) fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the kernel log, or the last 256 KiB of it.
pub(crate) fn kernel_log() -> Result<String> {
    const READ_ALL: c_int = 3;
    let mut bytes = vec![0_u8; 256 << 10];
    let length = c_int::try_from(bytes.len())?;
    // SAFETY: The buffer is that long.
    let read = check(unsafe { libc::klogctl(READ_ALL, bytes.as_mut_ptr().cast(), length) })?;
    bytes.truncate(usize::try_from(read)?);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
