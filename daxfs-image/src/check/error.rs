// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reasons for which a check could not be completed.

use std::fmt;
use std::io;

use daxfs_format::check::Stop;
use daxfs_format::{Error, Memory, ReadFault};

use crate::file::FileMemory;

/// The reason for which a check could not be completed. A defect of the image is a finding instead.
#[derive(Debug)]
pub enum CheckError {
    /// A read failed of bytes that the file had when it was opened.
    Read(ReadFault, Option<io::Error>),
    /// The check needs more memory than its limit, in bytes.
    Limit {
        /// The memory that the check needs.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The operating system refused this number of bytes of memory.
    NoMemory(u64),
    /// The operating system refused a thread.
    Thread(io::Error),
    /// The image states no digests, so that nothing can be verified.
    NoDigests,
    /// Contents overlap, so that verifying them has no bound in time. The structural check reports
    /// them.
    Overlap,
}

impl CheckError {
    /// The error of a read fault, with the cause that `memory` remembers.
    pub(super) fn read(fault: ReadFault, memory: &FileMemory) -> Self {
        Self::Read(fault, memory.take_error())
    }

    /// The error of a check that stopped. The sinks of this crate never stop a check, and scratch
    /// memory has the required size.
    pub(super) fn stopped(stop: Stop, memory: &FileMemory) -> Self {
        match stop {
            Stop::Memory(fault) => Self::read(fault, memory),
            Stop::Sink | Stop::Scratch => lost(memory),
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(fault, _) => fault.fmt(f),
            Self::Limit { needed, limit } => {
                write!(
                    f,
                    "the check needs {needed} bytes of memory, and the limit is {limit}"
                )
            }
            Self::NoMemory(needed) => write!(f, "cannot allocate {needed} bytes"),
            Self::Thread(_) => f.write_str("cannot start a thread"),
            Self::Overlap => f.write_str("contents overlap, so they were not verified"),
            Self::NoDigests => f.write_str("the image states no digests of its contents"),
        }
    }
}

impl std::error::Error for CheckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, Some(error)) | Self::Thread(error) => Some(error),
            _ => None,
        }
    }
}

/// Passes on faults only. Any other error of a reader is a finding, which the structural check
/// reports; it becomes `None`.
pub(super) fn only_faults<T>(
    result: Result<T, Error>,
    memory: &FileMemory,
) -> Result<Option<T>, CheckError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Corrupt(_) | Error::Unsupported(_)) => Ok(None),
        Err(Error::Memory(fault)) => Err(CheckError::read(fault, memory)),
    }
}

/// The error of a file that has changed since it was opened.
pub(super) fn lost(memory: &FileMemory) -> CheckError {
    let (offset, length) = (0, memory.size());
    CheckError::read(ReadFault { offset, length }, memory)
}
