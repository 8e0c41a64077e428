// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads that must not wait.

use std::fs;
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};

use super::FILES;
use crate::sample::{SampleFile, SMALL_FILE};
use crate::sys::{self, Map, Ring};

/// A read with RWF_NOWAIT gives the bytes at once.
pub(super) fn no_wait() -> Result<()> {
    for file in FILES.into_iter().chain([SMALL_FILE]) {
        let bytes = read(file, libc::RWF_NOWAIT).context(file.name)?;
        file.expect(&bytes, 0)?;
    }
    Ok(())
}

/// Reads up to 64 KiB with flags.
fn read(file: SampleFile, flags: libc::c_int) -> Result<Vec<u8>> {
    let open = file.open()?;
    let mut bytes = vec![0; usize::try_from(file.size.min(65536))?];
    let vector = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: The descriptor is open, and the vector is one, of a buffer that is writable.
    let read = unsafe { libc::preadv2(open.as_raw_fd(), &vector, 1, 0, flags) };
    bytes.truncate(sys::length(read)?);
    Ok(bytes)
}

/// A read by io_uring is complete when it is submitted, and no worker makes it.
pub(super) fn ring() -> Result<()> {
    let ring = Ring::new()?;
    for file in FILES.into_iter().chain([SMALL_FILE]) {
        let buffer = Map::anonymous(file.size)?;
        let length = ring.read(&file.open()?, &buffer).context(file.name)?;
        file.expect(&buffer.copy(0, length)?, 0)?;
        ensure!(u64::try_from(length)? == file.size, "{length} bytes");
    }
    let mut workers = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        let name = sys::read_text(task?.path().join("comm"))?;
        if name.starts_with("iou-wrk") {
            workers.push(name);
        }
    }
    ensure!(workers.is_empty(), "workers read: {workers:?}");
    Ok(())
}
