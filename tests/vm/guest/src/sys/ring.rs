// SPDX-License-Identifier: MIT OR Apache-2.0
//! io_uring, as far as one read at a time needs it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{ensure, Result};
use libc::{MAP_POPULATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{address_of_mut, check, descriptor, syscall, syscall6, Map};

/// The offsets of the mappings of a ring.
const QUEUES: u64 = 0;
const ENTRIES: u64 = 0x1000_0000;

/// Sizes of an entry of each queue in bytes.
const SUBMISSION: usize = 64;
const COMPLETION: usize = 16;

const OP_READ: u8 = 22;

/// The indexes of words in `struct io_uring_params`.
const FEATURES: usize = 5;
const SUBMISSION_TAIL: usize = 11;
const SUBMISSION_ARRAY: usize = 16;
const COMPLETION_HEAD: usize = 20;
const COMPLETION_TAIL: usize = 21;
const COMPLETION_ENTRIES: usize = 25;

const SINGLE_MAP: u32 = 1;

/// A ring with one entry.
pub(crate) struct Ring {
    fd: OwnedFd,
    parameters: [u32; 30],
    queues: Map,
    entries: Map,
}

impl Ring {
    /// Creates a ring.
    pub(crate) fn new() -> Result<Self> {
        let mut parameters = [0_u32; 30];
        let address = address_of_mut(&mut parameters);
        let fd = descriptor(syscall(libc::SYS_io_uring_setup, [1, address, 0, 0, 0])?)?;
        ensure!(parameters[FEATURES] & SINGLE_MAP != 0, "an old kernel");
        let map = |offset, length| {
            let flags = MAP_SHARED | MAP_POPULATE;
            Map::new(&fd, offset, length, PROT_READ | PROT_WRITE, flags)
        };
        let (queues, entries) = (map(QUEUES, 4096)?, map(ENTRIES, 4096)?);
        Ok(Self {
            fd,
            parameters,
            queues,
            entries,
        })
    }

    fn word(&self, parameter: usize) -> Result<&AtomicU32> {
        let offset = usize::try_from(self.parameters[parameter])?;
        ensure!(offset + 4 <= self.queues.length(), "outside the mapping");
        // SAFETY: The word lies in the mapping.
        let word = unsafe { self.queues.address().add(offset) };
        // SAFETY: The kernel aligns its words. The mapping lives as long as `self`, and all
        // accesses of ours to it are atomic.
        Ok(unsafe { AtomicU32::from_ptr(word.cast()) })
    }

    /// Reads a file from its beginning to the end of a buffer. Fails unless the read is complete
    /// when it is submitted. Returns the number of bytes.
    pub(crate) fn read(&self, file: &impl AsRawFd, buffer: &Map) -> Result<usize> {
        let mut entry = [0_u8; SUBMISSION];
        entry[0] = OP_READ;
        entry[4..8].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        entry[16..24].copy_from_slice(&buffer.address().expose_provenance().to_ne_bytes());
        entry[24..28].copy_from_slice(&u32::try_from(buffer.length())?.to_ne_bytes());
        self.entries.fill(&entry);
        self.word(SUBMISSION_ARRAY)?.store(0, Ordering::SeqCst);
        self.word(SUBMISSION_TAIL)?.fetch_add(1, Ordering::SeqCst);
        let fd = usize::try_from(self.fd.as_raw_fd())?;
        syscall6(libc::SYS_io_uring_enter, [fd, 1, 0, 0, 0, 0])?;
        self.completion()
    }

    /// Returns the result of the completion, which must be there.
    fn completion(&self) -> Result<usize> {
        let head = self.word(COMPLETION_HEAD)?;
        let number = head.load(Ordering::SeqCst);
        let tail = self.word(COMPLETION_TAIL)?.load(Ordering::SeqCst);
        ensure!(tail != number, "the read is not complete");
        let first = usize::try_from(self.parameters[COMPLETION_ENTRIES])?;
        // The kernel doubles the entries of the other queue.
        let offset = first + usize::try_from(number % 2)? * COMPLETION + 8;
        let bytes = self.queues.copy(offset, 4)?;
        head.fetch_add(1, Ordering::SeqCst);
        let result = i32::from_ne_bytes(bytes.try_into().unwrap_or_default());
        if result < 0 {
            return Err(std::io::Error::from_raw_os_error(-result).into());
        }
        Ok(usize::try_from(check(result)?)?)
    }
}
