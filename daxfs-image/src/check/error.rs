// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reasons for which a check could not be completed.

use std::fmt;
use std::io;

use daxfs_format::check::Stop;
use daxfs_format::{Error, Memory, ReadFault};

use crate::file::FileMemory;

/// Why a check could not be completed. What is wrong with the image is a finding and not an error.
#[derive(Debug)]
pub enum CheckError {
    /// The file did not give bytes that it had when it was opened.
    Read(ReadFault, Option<io::Error>),
    /// The check takes more memory than it may, in bytes.
    Limit {
        /// What the check takes.
        needed: u64,
        /// What it may take.
        limit: u64,
    },
    /// The operating system refused memory: so many bytes.
    NoMemory(u64),
    /// The operating system refused a thread.
    Thread(io::Error),
    /// The image states no digests, so that nothing can be verified.
    NoDigests,
    /// Contents overlap, so that verifying them could take any time. The structural check has found it.
    Overlap,
}

impl CheckError {
    /// The error of a read fault, with the cause that `memory` remembers.
    pub(super) fn read(fault: ReadFault, memory: &FileMemory) -> Self {
        Self::Read(fault, memory.take_error())
    }

    /// The error of a check that stopped. The sinks here never ask for it, and scratch memory is as
    /// large as it has to be.
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
                    "the check takes {needed} bytes of memory, and the limit is {limit}"
                )
            }
            Self::NoMemory(needed) => write!(f, "there are no {needed} bytes of memory to be had"),
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

/// What a reader's error means here: a finding that the structural check reports, hence nothing, or
/// the end.
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

/// The error when a file is not what it was when it was opened.
pub(super) fn lost(memory: &FileMemory) -> CheckError {
    let (offset, length) = (0, memory.size());
    CheckError::read(ReadFault { offset, length }, memory)
}
