// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mount contexts of the new mount API.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Result;

use crate::sys;

const FSCONFIG_SET_FLAG: usize = 0;

const FSCONFIG_SET_STRING: usize = 1;

const FSCONFIG_CMD_CREATE: usize = 6;

/// A mount context of the new mount API.
pub(super) struct MountContext(OwnedFd);

impl MountContext {
    pub(super) fn open() -> Result<Self> {
        let fd = sys::syscall(
            libc::SYS_fsopen,
            [sys::address_of(c"daxfs".to_bytes_with_nul()), 1, 0, 0, 0],
        )?;
        Ok(Self(sys::descriptor(fd)?))
    }

    pub(super) fn set(&self, option: &str) -> Result<()> {
        let fd = usize::try_from(self.0.as_raw_fd())?;
        let (command, key, value) = match option.split_once('=') {
            Some((key, value)) => (FSCONFIG_SET_STRING, key, Some(CString::new(value)?)),
            None => (FSCONFIG_SET_FLAG, option, None),
        };
        let key = CString::new(key)?;
        let value = value
            .as_ref()
            .map_or(0, |value| sys::address_of(value.to_bytes_with_nul()));
        let key = sys::address_of(key.to_bytes_with_nul());
        sys::syscall(libc::SYS_fsconfig, [fd, command, key, value, 0]).map(drop)
    }

    pub(super) fn create(&self) -> Result<()> {
        let fd = usize::try_from(self.0.as_raw_fd())?;
        sys::syscall(libc::SYS_fsconfig, [fd, FSCONFIG_CMD_CREATE, 0, 0, 0]).map(drop)
    }

    /// Returns the messages of the file system.
    pub(super) fn messages(&self) -> String {
        let mut all = String::new();
        let fd = usize::try_from(self.0.as_raw_fd()).unwrap_or(0);
        let mut buffer = [0_u8; 1000];
        loop {
            let room = sys::address_of_mut(&mut buffer);
            match sys::syscall(libc::SYS_read, [fd, room, 1000, 0, 0]).map(usize::try_from) {
                Ok(Ok(length)) => all.push_str(&String::from_utf8_lossy(&buffer[..length])),
                _ => return all,
            }
        }
    }
}
