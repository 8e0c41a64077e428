// SPDX-License-Identifier: GPL-2.0-only
//! Inserting pages during a fault.

use super::backing::Backing;
use super::pages::PageMap;
use crate::sys::fs::fault::{ExclusiveMapping, Fault, Inserted, Outcome, SharedMapping};
use crate::sys::fs::FileSystem;
use crate::sys::lock::ReadGuard;
use crate::sys::size::{HUGE_PAGES, PAGE_SHIFT};

/// An aligned 2 MiB of pages, whose folios stay what they are.
pub(crate) struct KeptFolio<'a> {
    pages: &'a PageMap,
    /// Number of the 2 MiB in the range.
    number: u64,
    _folio: ReadGuard<'a>,
}

impl Backing {
    /// Keeps the folios of the aligned 2 MiB around the page at `offset` what they are, for as long
    /// as the value lives. Files share extents, so that a fault of another inode may be about to
    /// make one folio of the same pages.
    #[inline]
    pub(crate) fn keep_folio(&self, offset: u64) -> KeptFolio<'_> {
        match self {
            Self::Claimed(range) => {
                let (pages, index) = (range.pages(), offset >> PAGE_SHIFT);
                KeptFolio { pages, number: index / HUGE_PAGES, _folio: pages.keep_folio(index) }
            }
        }
    }

    /// Makes one folio of the 2 MiB at `offset` and inserts it for the 2 MiB of addresses around
    /// the fault. Falls back to small pages where either cannot be done.
    pub(crate) fn insert_huge<F: FileSystem>(
        &self,
        fault: &Fault<'_, F>,
        lock: &ExclusiveMapping<'_>,
        offset: u64,
    ) -> Outcome {
        match self {
            Self::Claimed(range) => {
                let Some(head) = range.pages().make_huge(offset >> PAGE_SHIFT) else {
                    return Outcome::FALLBACK;
                };
                // SAFETY: `make_huge` returns the head of a folio of the huge order, which it
                // stays, with the reference of the map, as long as the map is shared.
                unsafe { fault.insert_huge(lock, head.folio()) }
            }
        }
    }
}

impl KeptFolio<'_> {
    /// Gives the fault the page at `offset`. Returns [`Outcome::SIGBUS`] if it is not one of the 2
    /// MiB.
    pub(crate) fn give_page<F: FileSystem>(&self, fault: &Fault<'_, F>, offset: u64) -> Outcome {
        let index = offset >> PAGE_SHIFT;
        let page = match self.pages.page(index) {
            Some(page) if index / HUGE_PAGES == self.number => page,
            _ => return Outcome::SIGBUS,
        };
        // SAFETY: The guard keeps the folio of the page, which is one of its 2 MiB. The core puts
        // the reference.
        unsafe {
            page.get();
            fault.set_page(page.as_ptr());
        }
        Outcome::PAGE
    }

    /// Inserts `count` pages from the one at `offset` on, at an address, a number of pages. Refuses
    /// pages that are not of the 2 MiB, and what [`Fault::insert`] refuses.
    #[inline]
    pub(crate) fn insert<F: FileSystem>(
        &self,
        fault: &Fault<'_, F>,
        lock: &SharedMapping<'_>,
        (address, offset): (u64, u64),
        count: u64,
    ) -> Inserted {
        let index = offset >> PAGE_SHIFT;
        let Some(last) = index.checked_add(count).and_then(|end| end.checked_sub(1)) else {
            return Inserted::Refused;
        };
        let is_kept = index / HUGE_PAGES == self.number
            && last / HUGE_PAGES == self.number
            && self.pages.contains(last);
        match self.pages.page(index) {
            // SAFETY: All pages from first to last belong to the map, and to one aligned 2 MiB,
            // whose struct pages lie side by side, and whose folios the guard keeps, each with the
            // reference of the map, which lives as long as the mount.
            Some(first) if is_kept => unsafe {
                fault.insert(lock, address, first.as_ptr(), count)
            },
            _ => Inserted::Refused,
        }
    }
}
