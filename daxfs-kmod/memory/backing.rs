// SPDX-License-Identifier: GPL-2.0-only
//! The memory of one image, of whatever kind.

use core::fmt;
use core::ops::Deref;

use daxfs_format::{Memory, ReadFault};
use kernel::prelude::*;
use kernel::sync::Arc;

use super::claimed::ClaimedRange;
use super::failure::FailureHandler;
use crate::sys::iter::Iter;
use crate::sys::log::damage;

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

    /// Makes struct pages for `length` bytes from `offset` on, as far as they do not exist. Without
    /// them the bytes can be read, and not mapped. The caller holds no `mmap_lock`.
    pub(crate) fn make_pages(&self, offset: u64, length: u64) -> Result {
        match self {
            Self::Claimed(range) => range.make_pages(offset, length).map_err(|refusal| {
                damage(format_args!("memory at {self} cannot be mapped: it {refusal}"));
                refusal.errno()
            }),
        }
    }

    /// Returns true if one of the pages that `length` bytes from `offset` on lie in is poisoned.
    #[inline]
    pub(crate) fn is_poisoned(&self, offset: u64, length: u64) -> bool {
        match self {
            Self::Claimed(range) => range.is_poisoned(offset, length),
        }
    }

    /// Returns the name of the memory. No two mounts have equal names at one time.
    pub(crate) fn name(&self) -> impl fmt::Display {
        match self {
            Self::Claimed(range) => NameOfRange(range.start()),
        }
    }

    /// Returns the size in bytes of the struct pages that this mount made.
    pub(crate) fn struct_page_bytes(&self) -> u64 {
        match self {
            Self::Claimed(range) => range.struct_page_bytes(),
        }
    }

    /// Returns the number of folios of 2 MiB.
    pub(crate) fn huge_folios(&self) -> u64 {
        match self {
            Self::Claimed(range) => range.pages().huge_folios(),
        }
    }

    /// Returns the number of poisoned pages.
    pub(crate) fn poisoned_pages(&self) -> u64 {
        match self {
            Self::Claimed(range) => range.poisoned_pages(),
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

/// A backing that a mount and the work that checks it share.
pub(crate) struct SharedBacking(Arc<Backing>);

impl SharedBacking {
    /// Shares a backing.
    pub(crate) fn new(backing: Backing) -> Result<Self> {
        Ok(Self(Arc::new(backing, GFP_KERNEL)?))
    }
}

impl Clone for SharedBacking {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Deref for SharedBacking {
    type Target = Backing;

    #[inline]
    fn deref(&self) -> &Backing {
        &self.0
    }
}

impl Memory for SharedBacking {
    #[inline]
    fn size(&self) -> u64 {
        self.0.size()
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        self.0.read(offset, into)
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

/// The name of a range of physical addresses.
struct NameOfRange(u64);

impl fmt::Display for NameOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
