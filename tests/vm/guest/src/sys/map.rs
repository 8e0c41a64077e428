// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory mappings.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use anyhow::{ensure, Context, Result};
use libc::c_int;

use super::{check, descriptor, length, syscall};

/// A memory mapping, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Map {
    address: *mut u8,
    length: usize,
}

impl Map {
    /// Maps `length` bytes of `file` from `offset` on.
    pub(crate) fn new(
        file: &impl AsRawFd,
        offset: u64,
        length: u64,
        protection: c_int,
        flags: c_int,
    ) -> Result<Self> {
        let length = usize::try_from(length)?;
        let offset = i64::try_from(offset)?;
        // SAFETY: The kernel chooses the address, so no memory in use is replaced.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                protection,
                flags,
                file.as_raw_fd(),
                offset,
            )
        };
        Ok(Self {
            address: mapped(address)?,
            length,
        })
    }

    /// Maps `length` bytes of private memory.
    pub(crate) fn anonymous(length: u64) -> Result<Self> {
        let zero = File::open("/dev/zero")?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        Self::new(&zero, 0, length, protection, libc::MAP_PRIVATE)
    }

    /// Returns the address of the mapping.
    pub(crate) fn address(&self) -> *mut u8 {
        self.address
    }

    /// Returns the length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Returns a copy of the bytes from `offset` on.
    pub(crate) fn copy(&self, offset: usize, length: usize) -> Result<Vec<u8>> {
        ensure!(offset + length <= self.length, "outside the mapping");
        let mut out = vec![0; length];
        // SAFETY: The offset lies in the mapping.
        let from = unsafe { self.address.add(offset) };
        // SAFETY: The bytes lie in the mapping, which the caller has made readable; pages that do
        // not exist end the process, as some tests expect.
        unsafe { ptr::copy_nonoverlapping(from, out.as_mut_ptr(), length) };
        Ok(out)
    }

    /// Returns a copy of all bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        self.copy(0, self.length)
    }

    /// Reads one byte, so that its page is present. Measurements count its instructions.
    #[inline]
    pub(crate) fn touch(&self, offset: usize) -> u8 {
        assert!(offset < self.length, "outside the mapping");
        // SAFETY: The byte lies in the mapping.
        let byte = unsafe { self.address.add(offset) };
        // SAFETY: The byte lies in the mapping, which the caller has made readable. A page that
        // does not exist ends the process, as some tests want.
        unsafe { byte.read_volatile() }
    }

    /// Writes one byte.
    pub(crate) fn write(&self, offset: usize, value: u8) {
        assert!(offset < self.length, "outside the mapping");
        // SAFETY: The byte lies in the mapping.
        let byte = unsafe { self.address.add(offset) };
        // SAFETY: The byte lies in the mapping, which the caller has made writable, and no
        // reference to it exists.
        unsafe { byte.write_volatile(value) };
    }

    /// Copies `bytes` to the beginning.
    pub(crate) fn fill(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.length, "outside the mapping");
        // SAFETY: The bytes fit the mapping, which the caller has made writable, and are ours.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.address, bytes.len()) };
    }

    /// madvise(2) over the whole mapping.
    pub(crate) fn advise(&self, advice: c_int) -> io::Result<()> {
        self.advise_part(0, self.length, advice)
    }

    /// madvise(2) over `length` bytes from `offset` on, which is page aligned.
    pub(crate) fn advise_part(
        &self,
        offset: usize,
        length: usize,
        advice: c_int,
    ) -> io::Result<()> {
        assert!(offset + length <= self.length, "outside the mapping");
        // SAFETY: The offset lies in the mapping.
        let address = unsafe { self.address.add(offset) };
        // SAFETY: The range is part of a mapping of ours, and no Rust object lies in it.
        check(unsafe { libc::madvise(address.cast(), length, advice) }).map(drop)
    }

    /// mprotect(2) over the whole mapping.
    pub(crate) fn protect(&self, protection: c_int) -> Result<()> {
        // SAFETY: The range is a mapping of ours, and no Rust object lies in it.
        check(unsafe { libc::mprotect(self.address.cast(), self.length, protection) })?;
        Ok(())
    }

    /// mlock(2) over the whole mapping.
    pub(crate) fn lock(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::mlock(self.address.cast(), self.length) })?;
        Ok(())
    }

    /// munlock(2) over the whole mapping.
    pub(crate) fn unlock(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::munlock(self.address.cast(), self.length) })?;
        Ok(())
    }

    /// mremap(2) to another length; it may move.
    pub(crate) fn resize(&mut self, length: usize) -> Result<()> {
        // SAFETY: The range is a mapping of ours, and no Rust object lies in it.
        let address = unsafe {
            libc::mremap(
                self.address.cast(),
                self.length,
                length,
                libc::MREMAP_MAYMOVE,
            )
        };
        (self.address, self.length) = (mapped(address)?, length);
        Ok(())
    }

    /// Returns the number of pages that mincore(2) reports as resident.
    pub(crate) fn resident(&self) -> Result<usize> {
        Ok(self.residents()?.into_iter().filter(|there| *there).count())
    }

    /// Returns true for each page that mincore(2) reports as resident.
    pub(crate) fn residents(&self) -> Result<Vec<bool>> {
        let mut pages = vec![0_u8; self.length.div_ceil(4096)];
        // SAFETY: The range is a mapping of ours, the buffer has a byte for each page.
        check(unsafe { libc::mincore(self.address.cast(), self.length, pages.as_mut_ptr()) })?;
        Ok(pages.iter().map(|page| page & 1 != 0).collect())
    }

    /// msync(2) over the whole mapping.
    pub(crate) fn sync(&self) -> Result<()> {
        // SAFETY: The range is a mapping of ours.
        check(unsafe { libc::msync(self.address.cast(), self.length, libc::MS_SYNC) })?;
        Ok(())
    }

    /// vmsplice(2): puts references to the pages of `length` bytes from `offset` on into a pipe.
    /// Returns the length that the pipe has taken.
    pub(crate) fn vmsplice(
        &self,
        pipe: &impl AsRawFd,
        offset: usize,
        count: usize,
    ) -> Result<usize> {
        ensure!(offset + count <= self.length, "outside the mapping");
        let vector = libc::iovec {
            iov_base: self.address.wrapping_add(offset).cast(),
            iov_len: count,
        };
        // SAFETY: The vector is one, and its range is mapped, as just checked. The kernel takes
        // references to its pages, which outlive the mapping.
        Ok(length(unsafe {
            libc::vmsplice(pipe.as_raw_fd(), &vector, 1, 0)
        })?)
    }

    /// Maps a file privately at `offset` of this mapping, and keeps only that.
    pub(crate) fn replace(self, offset: u64, file: &impl AsRawFd, length: u64) -> Result<Self> {
        let (offset, length) = (usize::try_from(offset)?, usize::try_from(length)?);
        ensure!(offset + length <= self.length, "outside the mapping");
        // SAFETY: The offset lies in the mapping.
        let at = unsafe { self.address.add(offset) };
        // SAFETY: The range lies in a mapping of ours, and no Rust object lies in it.
        let address = unsafe {
            libc::mmap(
                at.cast(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        let address = mapped(address)?;
        let before = Self {
            address: self.address,
            length: offset,
        };
        let after = Self {
            address: at.wrapping_add(length),
            length: self.length - offset - length,
        };
        std::mem::forget(self);
        drop((before, after));
        Ok(Self { address, length })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: The range is a mapping of ours that nothing uses any more.
        unsafe { libc::munmap(self.address.cast(), self.length) };
    }
}

/// Turns the result of mmap(2) or mremap(2) into the address.
fn mapped(result: *mut libc::c_void) -> io::Result<*mut u8> {
    if result == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(result.cast())
}

/// Requests of userfaultfd.
const API: u64 = 0xc018_aa3f;
const REGISTER: u64 = 0xc020_aa00;
const WRITEPROTECT: u64 = 0xc018_aa06;

/// The version of its interface.
const VERSION: u64 = 0xaa;

/// Returns a new userfaultfd.
fn user_faults() -> Result<OwnedFd> {
    const USER_MODE_ONLY: usize = 1;
    let flags = USER_MODE_ONLY | usize::try_from(libc::O_CLOEXEC)?;
    descriptor(syscall(libc::SYS_userfaultfd, [flags, 0, 0, 0, 0])?)
}

/// Start and length of a mapping, as userfaultfd takes them.
fn range_of(map: &Map) -> Result<(u64, u64)> {
    let start = u64::try_from(map.address.addr())?;
    Ok((start, u64::try_from(map.length.next_multiple_of(4096))?))
}

/// Faults that userfaultfd can take over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultMode {
    /// Faults of pages that do not exist.
    Missing,
    /// Faults of pages that the page cache has.
    Minor,
}

/// Asks to take over the faults of a mapping for a moment.
pub(crate) fn register_faults(map: &Map, mode: FaultMode) -> Result<()> {
    let fd = user_faults()?;
    let mode = match mode {
        FaultMode::Missing => 1,
        FaultMode::Minor => 4,
    };
    let (start, length) = range_of(map)?;
    super::ioctl(&fd, API, &mut [VERSION, 0, 0])?;
    super::ioctl(&fd, REGISTER, &mut [start, length, mode, 0])
}

/// A userfaultfd without events, which puts markers where pages are to be write protected.
pub(crate) struct WriteProtect(#[expect(dead_code, reason = "it is kept open")] OwnedFd);

impl WriteProtect {
    /// Write protects a whole mapping. The kernel records writes and permits them.
    pub(crate) fn new(map: &Map) -> Result<Self> {
        const MODE_WP: u64 = 2;
        const WP_UNPOPULATED: u64 = 1 << 13;
        const WP_ASYNC: u64 = 1 << 15;
        let fd = user_faults()?;
        let (start, length) = range_of(map)?;
        let mut api = [VERSION, WP_ASYNC | WP_UNPOPULATED, 0];
        let mut register = [start, length, MODE_WP, 0];
        let mut protect = [start, length, 1];
        for (request, argument) in [
            (API, api.as_mut_ptr()),
            (REGISTER, register.as_mut_ptr()),
            (WRITEPROTECT, protect.as_mut_ptr()),
        ] {
            // SAFETY: The descriptor is open, and each structure is as long as its request says.
            check(unsafe { libc::ioctl(fd.as_raw_fd(), request, argument) })
                .with_context(|| format!("request {request:#x} of userfaultfd"))?;
        }
        Ok(Self(fd))
    }
}
