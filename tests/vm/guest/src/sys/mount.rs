// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts and modules.

use std::ffi::{CStr, CString};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use libc::c_int;

use super::check;

/// mount(2).
pub(crate) fn mount(source: &str, target: &str, kind: &str, flags: u64, data: &str) -> Result<()> {
    let (source, target) = (CString::new(source)?, CString::new(target)?);
    let (kind, data) = (CString::new(kind)?, CString::new(data)?);
    // SAFETY: All strings are C strings.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    check(result)?;
    Ok(())
}

/// umount2(2).
pub(crate) fn unmount(target: &str, flags: c_int) -> Result<()> {
    let target = CString::new(target)?;
    // SAFETY: The target is a C string.
    check(unsafe { libc::umount2(target.as_ptr(), flags) })?;
    Ok(())
}

/// finit_module(2).
pub(crate) fn load_module(path: &str) -> Result<()> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {path}"))?;
    // SAFETY: The descriptor is open, the arguments are an empty C string.
    let result =
        unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    check(result)?;
    Ok(())
}

/// delete_module(2).
pub(crate) fn unload_module(name: &CStr) -> Result<()> {
    // SAFETY: The name is a C string.
    check(unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) })?;
    Ok(())
}
