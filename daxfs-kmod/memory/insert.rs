// SPDX-License-Identifier: GPL-2.0-only
//! Inserting pages during a fault.

use super::backing::Backing;
use super::page::Page;
use crate::sys::fs::fault::{
    ExclusiveMapping, Fault, HugeOutcome, Inserted, Outcome, SharedMapping,
};
use crate::sys::fs::FileSystem;
use crate::sys::lock::ReadGuard;
use crate::sys::size::{HUGE_PAGES, PAGE_SHIFT};

/// An aligned 2 MiB of pages, whose folios stay what they are.
///
/// # Invariants
/// `head` is the first page of an aligned 2 MiB of a map; the guard keeps the folios of its pages.
pub(crate) struct KeptFolio<'a> {
    head: Page<'a>,
    /// Number of the 2 MiB in the range.
    number: u64,
    _folio: ReadGuard<'a>,
}

impl Backing {
    /// Keeps the folios of the aligned 2 MiB around the page at `offset` what they are, for as long
    /// as the value lives. Files share extents, so that a fault of another inode may be about to
    /// make one folio of the same pages. Returns `None` if the memory does not have the 2 MiB.
    #[inline]
    pub(crate) fn keep_folio(&self, offset: u64) -> Option<KeptFolio<'_>> {
        match self {
            Self::Claimed(range) => {
                let (pages, index) = (range.pages(), offset >> PAGE_SHIFT);
                let number = index / HUGE_PAGES;
                let head = pages.huge_head(number * HUGE_PAGES)?;
                // INVARIANT: `huge_head` found the 2 MiB, to which the page belongs.
                Some(KeptFolio { head, number, _folio: pages.keep_folio(index) })
            }
        }
    }

    /// Makes one folio of 2 to the power of `order` pages at `offset`, if it can be made. Returns
    /// true if there is one.
    pub(crate) fn make_folio(&self, offset: u64, order: u32) -> bool {
        match self {
            Self::Claimed(range) => {
                range.pages().make_folio(offset >> PAGE_SHIFT, order).is_some()
            }
        }
    }

    /// Makes one folio of the 2 MiB at `offset` and inserts it for the 2 MiB of addresses around
    /// the fault that holds the lock. Falls back to small pages where either cannot be done.
    pub(crate) fn insert_huge<F: FileSystem>(
        &self,
        lock: &ExclusiveMapping<'_, F>,
        offset: u64,
    ) -> HugeOutcome {
        match self {
            Self::Claimed(range) => {
                let Some(head) = range.pages().make_huge(offset >> PAGE_SHIFT) else {
                    return HugeOutcome::FALLBACK;
                };
                // SAFETY: `make_huge` returns the head of a folio of the huge order, which it
                // stays, with the reference of the map, as long as the map is shared.
                unsafe { lock.insert_huge(head.folio()) }
            }
        }
    }
}

impl<'a> KeptFolio<'a> {
    /// Returns the page with this index in the range, if it is one of the 2 MiB.
    #[inline]
    fn page(&self, index: u64) -> Option<Page<'a>> {
        // SAFETY: By the invariant `head` begins the 2 MiB, and the page is one of them.
        (index / HUGE_PAGES == self.number).then(|| unsafe { self.head.add(index % HUGE_PAGES) })
    }

    /// Returns the size of the folio of the page at `offset`, as a power of two of pages.
    #[inline]
    pub(crate) fn order(&self, offset: u64) -> u32 {
        self.page(offset >> PAGE_SHIFT).map_or(0, Page::order)
    }

    /// Gives the fault the page at `offset`. Returns [`Outcome::SIGBUS`] if it is not one of the 2
    /// MiB.
    #[inline]
    pub(crate) fn give_page<F: FileSystem>(&self, fault: &Fault<'_, F>, offset: u64) -> Outcome {
        let Some(page) = self.page(offset >> PAGE_SHIFT) else { return Outcome::SIGBUS };
        // SAFETY: By the invariant the guard keeps the folio of the page. The core puts the
        // reference.
        unsafe {
            page.get();
            fault.set_page(page.as_ptr())
        }
    }

    /// Inserts `count` pages from the one at `offset` on, at an address, a number of pages. Refuses
    /// pages that are not of the 2 MiB, and what [`SharedMapping::insert`] refuses.
    #[inline]
    pub(crate) fn insert<F: FileSystem>(
        &self,
        lock: &SharedMapping<'_, F>,
        (address, offset): (u64, u64),
        count: u64,
    ) -> Inserted {
        let index = offset >> PAGE_SHIFT;
        match self.page(index) {
            // SAFETY: All pages from first to last belong to one aligned 2 MiB of a map, whose
            // struct pages lie side by side. By the invariant the guard keeps their folios, each
            // with the reference of the map, which lives as long as the mount.
            Some(first) if count <= HUGE_PAGES - index % HUGE_PAGES => unsafe {
                lock.insert(address, first.as_ptr(), count)
            },
            _ => Inserted::Refused,
        }
    }
}
