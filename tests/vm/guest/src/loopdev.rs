// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loop devices: block devices whose blocks are those of a file.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::sys;
use crate::sys::read_text;

const LOOP_CLR_FD: u64 = 0x4c01;
const LOOP_CONFIGURE: u64 = 0x4c0a;
const LOOP_CTL_GET_FREE: u64 = 0x4c82;

const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// `struct loop_config`, up to what is set.
#[repr(C)]
struct LoopConfig {
    file: u32,
    block_size: u32,
    numbers: [u64; 5],
    more_numbers: [u32; 3],
    flags: u32,
    names: [u8; 160],
    reserved: [u64; 10],
}

/// Ways of a device to access its file.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Through the page cache.
    Cached,
    /// By direct I/O.
    Direct,
}

/// A device that is set up; it is taken down when dropped.
pub(crate) struct LoopDevice {
    path: PathBuf,
    number: i64,
    device: File,
}

impl LoopDevice {
    pub(crate) fn read_only(backing: &File, access: Access) -> Result<Self> {
        let direct = match access {
            Access::Cached => 0,
            Access::Direct => LO_FLAGS_DIRECT_IO,
        };
        Self::new(backing, LO_FLAGS_READ_ONLY | direct)
    }

    /// A device that can be written, as the file must be.
    pub(crate) fn writable(backing: &File) -> Result<Self> {
        Self::new(backing, 0)
    }

    fn new(backing: &File, flags: u32) -> Result<Self> {
        let control = File::open("/dev/loop-control")?;
        // SAFETY: The descriptor is open; the call takes no argument.
        let number = sys::check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) })?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let is_writable = flags & LO_FLAGS_READ_ONLY == 0;
        let device = File::options().read(true).write(is_writable).open(&path)?;
        let config = LoopConfig {
            file: u32::try_from(backing.as_raw_fd())?,
            // The driver asks the file for its alignment.
            block_size: 0,
            numbers: [0; 5],
            more_numbers: [0; 3],
            flags,
            names: [0; 160],
            reserved: [0; 10],
        };
        // SAFETY: The descriptor is open, the structure readable.
        sys::check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) })?;
        Ok(Self {
            path,
            number,
            device,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns an attribute of the device in sysfs.
    pub(crate) fn attribute(&self, name: &str) -> Result<String> {
        let text = read_text(format!("/sys/block/loop{}/{name}", self.number))?;
        Ok(text.trim().to_owned())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // SAFETY: The descriptor is open; the call takes no argument.
        unsafe { libc::ioctl(self.device.as_raw_fd(), LOOP_CLR_FD) };
    }
}
