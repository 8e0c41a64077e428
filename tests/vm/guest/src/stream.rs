// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directory streams of C: they have positions, and tell an end from an error.

use std::ffi::CStr;
use std::io;
use std::path::Path;

use anyhow::{ensure, Result};

use crate::sys;

/// An open directory.
pub(crate) struct Stream(*mut libc::DIR);

impl Stream {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path = sys::cstring(path)?;
        // SAFETY: The path is a C string.
        let stream = unsafe { libc::opendir(path.as_ptr()) };
        ensure!(!stream.is_null(), "cannot open the directory");
        Ok(Self(stream))
    }

    /// The next name, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        // SAFETY: Finds this thread's number.
        let number = unsafe { libc::__errno_location() };
        // SAFETY: The number is this thread's own.
        unsafe { *number = 0 };
        // SAFETY: The stream is open.
        let entry = unsafe { libc::readdir(self.0) };
        if entry.is_null() {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(0) => Ok(None),
                _ => Err(error),
            };
        }
        // SAFETY: The entry is valid until the next call.
        let name = unsafe { &(*entry).d_name };
        // SAFETY: The name ends with NUL.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        Ok(Some(name.to_bytes().to_vec()))
    }

    /// The next names, so many at most.
    pub(crate) fn upto(&mut self, count: usize) -> io::Result<Vec<Vec<u8>>> {
        let names = std::iter::from_fn(|| self.next().transpose());
        names.take(count).collect()
    }

    pub(crate) fn position(&mut self) -> i64 {
        // SAFETY: The stream is open.
        unsafe { libc::telldir(self.0) }
    }

    pub(crate) fn seek(&mut self, position: i64) {
        // SAFETY: The stream is open.
        unsafe { libc::seekdir(self.0, position) };
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: The stream is open, and not used any more.
        unsafe { libc::closedir(self.0) };
    }
}
