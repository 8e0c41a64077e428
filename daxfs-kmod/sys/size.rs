// SPDX-License-Identifier: GPL-2.0-only
//! Sizes of pages and of huge pages of this kernel.

use super::raw;

/// Size of a page, as a power of two.
pub(crate) const PAGE_SHIFT: u32 = raw::DAXFS_PAGE_SHIFT;

/// Size of a page in bytes.
pub(crate) const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;

/// Number of pages that a huge entry maps, as a power of two.
pub(crate) const HUGE_ORDER: u32 = raw::DAXFS_PMD_ORDER;

/// Number of pages that a huge entry maps.
pub(crate) const HUGE_PAGES: u64 = 1 << HUGE_ORDER;

/// Size in bytes of a huge page, and the alignment of an image in memory.
pub(crate) const HUGE_SIZE: u64 = HUGE_PAGES << PAGE_SHIFT;

// The pages of a file in an image have 4 KiB at least: larger pages of the kernel would show the
// bytes of other files.
const _: () = assert!(PAGE_SIZE == 4096, "daxfs needs a kernel with pages of 4 KiB");

// Locks of folios are numbered from the beginning of a range on, which is a multiple of 2 MiB. A
// huge page of another size, as kernels with larger pages have, could belong to two of them.
const _: () = assert!(
    HUGE_SIZE == daxfs_format::limits::HUGE_PAGE,
    "daxfs needs a kernel with huge pages of 2 MiB"
);
