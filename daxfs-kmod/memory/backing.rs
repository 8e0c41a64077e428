// SPDX-License-Identifier: GPL-2.0-only
//! The memory of one image, of whatever kind.

use core::fmt;

use daxfs_format::{Memory, ReadFault};
use kernel::prelude::*;
use kernel::sync::Arc;

use super::claimed::ClaimedRange;
use super::failure::FailureHandler;
use crate::sys::iter::Iter;

/// The memory of one image. It is released when the value is dropped.
pub(crate) enum Backing {
    /// A range of physical addresses.
    Claimed(ClaimedRange),
}

impl Backing {
    /// Sets the handler of failures of the memory, in place of one before.
    pub(crate) fn set_failure_handler(&self, handler: Arc<dyn FailureHandler>) {
        match self {
            Self::Claimed(range) => range.set_failure_handler(handler),
        }
    }

    /// Returns true if the kernel reads the memory through the processor's caches.
    pub(crate) fn is_cached(&self) -> bool {
        match self {
            Self::Claimed(range) => range.is_cached(),
        }
    }

    /// Returns true if one of the pages that `length` bytes from `offset` on lie in is poisoned.
    #[inline]
    pub(crate) fn is_poisoned(&self, offset: u64, length: u64) -> bool {
        match self {
            Self::Claimed(range) => range.is_poisoned(offset, length),
        }
    }

    /// Copies bytes to the destination of a read. Returns how many: fewer where the destination
    /// faults and where the memory fails.
    #[inline]
    pub(crate) fn copy_to_iter(&self, offset: u64, length: usize, to: &mut Iter) -> usize {
        match self {
            Self::Claimed(range) => range.copy_to_iter(offset, length, to),
        }
    }
}

impl Memory for Backing {
    #[inline]
    fn size(&self) -> u64 {
        match self {
            Self::Claimed(range) => range.size(),
        }
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        match self {
            Self::Claimed(range) => range.read(offset, into),
        }
    }
}

/// Prints the option of a mount that names the memory.
impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed(range) => write!(f, "phys={:#x}", range.start()),
        }
    }
}
