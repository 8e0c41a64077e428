// SPDX-License-Identifier: GPL-2.0-only
//! Pages of a claimed range, one by one.

use core::marker::PhantomData;

use super::pages::PageMap;
use super::raw;
use crate::num::to_usize;
use crate::options::ALIGNMENT;

/// The size of a page of this kernel, as a power of two.
pub(crate) const PAGE_SHIFT: u32 = raw::DAXFS_PAGE_SHIFT;

/// The size of a page of this kernel, in bytes.
pub(crate) const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;

/// How many pages a huge entry maps, as a power of two.
pub(crate) const HUGE_ORDER: u32 = raw::DAXFS_PMD_ORDER;

/// How many pages a huge entry maps.
pub(crate) const HUGE_PAGES: u64 = 1 << HUGE_ORDER;

// A file of an image lies in pages of its own, which are 4 KiB at least: larger ones of the kernel would show others.
const _: () = assert!(PAGE_SIZE == 4096, "daxfs needs a kernel with pages of 4 KiB");

// The locks of folios go by stretches of the range from its beginning on, which is a multiple of `ALIGNMENT`. A
// huge page of another size, as kernels with larger pages have, could lie in two of them.
const _: () = assert!(
    HUGE_PAGES << PAGE_SHIFT == ALIGNMENT,
    "daxfs needs a kernel with huge pages of 2 MiB"
);

/// A number of a page of physical memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pfn(pub(crate) u64);

/// A page of a live [`PageMap`].
///
/// # Invariants
/// The page lies in the range of a map that lives for `'a`, so that its struct page is valid.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a>(*mut raw::page, PhantomData<&'a PageMap>);

impl Page<'_> {
    /// The page with this number.
    ///
    /// # Safety
    /// It lies in a map that lives for as long as the value is used.
    #[inline]
    pub(crate) unsafe fn of(pfn: Pfn) -> Self {
        // INVARIANT: By the contract of this function.
        // SAFETY: Computes an address from the number.
        Self(unsafe { raw::daxfs_pfn_to_page(to_usize(pfn.0)) }, PhantomData)
    }

    /// The page as C takes it.
    pub(crate) fn as_ptr(self) -> *mut raw::page {
        self.0
    }

    /// The folio that the page is part of.
    #[inline]
    pub(crate) fn folio(self) -> *mut raw::folio {
        // SAFETY: The page is valid, as its map lives.
        unsafe { raw::daxfs_page_folio(self.0) }
    }

    /// The size of the page's folio, as a power of two of pages.
    #[inline]
    pub(crate) fn order(self) -> u32 {
        // SAFETY: The folio of a valid page is valid.
        unsafe { raw::daxfs_folio_order(self.folio()) }
    }

    /// The page `distance` pages on, in the same folio or stretch of 2 MiB.
    ///
    /// # Safety
    /// There is one.
    #[inline]
    pub(crate) unsafe fn add(self, distance: u64) -> Self {
        // SAFETY: The struct pages of a stretch of 2 MiB lie side by side.
        Self(unsafe { self.0.add(to_usize(distance)) }, PhantomData)
    }

    /// The page `distance` pages before.
    ///
    /// # Safety
    /// As [`Page::add`].
    #[inline]
    pub(crate) unsafe fn sub(self, distance: u64) -> Self {
        // SAFETY: As above.
        Self(unsafe { self.0.sub(to_usize(distance)) }, PhantomData)
    }

    /// Takes our reference away, if nobody else has one.
    pub(super) fn freeze(self) -> bool {
        // SAFETY: The page is valid. A count that is not ours alone is left as it is.
        unsafe { raw::daxfs_page_freeze(self.0, 1) }
    }

    /// Takes a reference, which somebody else will put. The caller holds [`PageMap::keep_folio`].
    pub(crate) fn get(self) {
        // SAFETY: The page is valid, and its folio has our reference, which nobody takes away now.
        unsafe { raw::daxfs_get_page(self.0) };
    }

    /// Marks the page as broken. The caller holds [`MARKS`](crate::poison::MARKS).
    pub(crate) fn mark_poisoned(self) {
        // SAFETY: The page is valid; the flag is set atomically.
        unsafe { raw::daxfs_page_set_poisoned(self.0) };
        if self.order() != 0 {
            // SAFETY: The folio is large, and stays so, since the lock is held.
            unsafe { raw::daxfs_folio_set_has_poisoned(self.folio()) };
        }
    }

    /// Whether the page was reported as broken.
    pub(crate) fn is_poisoned(self) -> bool {
        // SAFETY: The page is valid.
        unsafe { raw::daxfs_page_is_poisoned(self.0) }
    }

    /// Whether nobody but the map has a reference to the folio that begins here.
    pub(super) fn is_idle(self) -> bool {
        // SAFETY: The page is valid.
        unsafe { raw::daxfs_page_ref_count(self.0) == 1 }
    }

    /// Takes the mark of mlock(2) off the idle folio that begins here. The kernel does that when the
    /// last locked mapping goes, but not after munlock(2).
    pub(super) fn forget_locked(self) {
        // SAFETY: The folio is valid, and nobody else has a reference to it.
        unsafe { raw::daxfs_folio_forget_mlocked(self.folio()) };
    }
}
