// SPDX-License-Identifier: GPL-2.0-only
//! Pages as large folios.
//!
//! An aligned 2 MiB of a range that lies in one extent becomes one folio of order 9, which a single
//! entry of a page table can map. Smaller aligned powers of two become smaller folios: the kernel
//! maps and unmaps all pages of a folio together, and counts once.

use kernel::sync::atomic::Relaxed;

use super::failure::KernelMap;
use super::marks;
use super::page::{Page, FLAGS};
use super::pages::PageMap;
use crate::sys::lock::ReadGuard;
use crate::sys::num::to_usize;
use crate::sys::raw;
use crate::sys::size::{HUGE_ORDER, HUGE_PAGES};

impl PageMap {
    /// Keeps the folio of page `index` what it is, for as long as the guard lives. Must be held
    /// while taking a reference to a page that may have no other.
    #[inline]
    pub(super) fn keep_folio(&self, index: u64) -> ReadGuard<'_> {
        self.folios.of(index / HUGE_PAGES).read()
    }

    /// Makes one folio of the 2 MiB from page `index` on, as [`PageMap::make_folio`] does. It stays
    /// one as long as the map is shared.
    pub(super) fn make_huge(&self, index: u64) -> Option<Page<'_>> {
        self.make_folio(index, HUGE_ORDER)
    }

    /// Makes one folio of 2 to the power of `order` pages from page `index` on, if they are
    /// aligned, their struct pages exist, and no page of them has another reference, is poisoned or
    /// belongs to a larger folio. Returns the first page of the folio, which may have been one
    /// before.
    pub(super) fn make_folio(&self, index: u64, order: u32) -> Option<Page<'_>> {
        let count = 1 << order;
        if index % count != 0 || !(1..=HUGE_ORDER).contains(&order) {
            return None;
        }
        // The number of the first page of the range is a multiple of 512.
        let (head, map) = (self.page(index)?, self.map_of(index)?);
        let _lock = self.folios.of(index / HUGE_PAGES).write();
        if head.order() == order && head.is_head() {
            return Some(head);
        }
        let _flags = FLAGS.lock();
        // Marks that are made from now on wait for the folio.
        if marks::seen() && marks::any_marked(self.range(index, index + count)) {
            return None;
        }
        // SAFETY: `count` aligned pages from `head` on lie in one 2 MiB. The locks that are held
        // exclude new references to them, and other writers of their flags.
        if !unsafe { Self::freeze(head, count, map) } {
            return None;
        }
        // SAFETY: The pages belong to the map, and to no folio, since `freeze` undid smaller ones
        // and refuses those of a larger one. Nothing else writes their flags, which the function
        // writes without atomic operations: `FLAGS` is held, and what else sets flags, such as
        // mlock(2), holds a reference. Their counts are zero, and stay so, since nothing has a
        // reference from which to take another:
        // - Page tables have no entry for them, which would have a reference. Entries are made
        //   under the lock that is held here, or by the core from a reference that was taken under
        //   it, or copied from others.
        // - A walk of page tables without locks (`gup_fast`) may still know an entry that has gone,
        //   where flushing the TLB interrupts no processor (INVLPGB, arm64). It adds to a count
        //   unless that is zero, and looks at the entry again: until the function sets the head's
        //   count it fails, after that it puts back what it took. A walk that pins takes 1024 from
        //   a page and one from a large folio: if it takes the head between the two moments in
        //   which the function sets its count and makes it large, it puts back one, and the count
        //   stays 1023 too high. Then no user holds a page of others, but the folio never is idle,
        //   and the range stays deferred. A grace period here would close this window, and would
        //   cost every folio milliseconds.
        // - Code that finds pages by their number (/proc/kpage*, page_idle, compaction, DAMON,
        //   splitting all pages by debugfs) leaves those of devices alone: they are not online.
        //   That of soft_offline_page and memory_failure takes no reference to them.
        // - The pages are on no list and in no mapping, so that neither reclaim nor a look-up finds
        //   them.
        // Code that finds the folio by an entry from now on must not take it for one that can be
        // split, since it has no mapping: splitting by debugfs, of a process, follows that pointer
        // for folios with PG_large_rmappable, which the function clears.
        unsafe {
            raw::daxfs_large_folio_init(head.as_ptr(), map.as_ptr(), order);
        }
        // SAFETY: The function above locked the folio.
        unsafe { raw::daxfs_folio_unlock(head.folio()) };
        if order == HUGE_ORDER {
            self.huge_folios.fetch_add(1, Relaxed);
        }
        Some(head)
    }

    /// Takes the map's reference to each of `count` pages from `head` on away, and makes smaller
    /// folios of them pages, unless one has another reference: then it takes none, and returns
    /// false.
    ///
    /// # Safety
    /// `count` is a power of two, and the pages from `head` on are aligned to it, lie in one 2 MiB
    /// and belong to `map`. Nothing can take a reference to an idle page of them or write its
    /// flags.
    unsafe fn freeze(head: Page<'_>, count: u64, map: &KernelMap) -> bool {
        // SAFETY: By the contract of this function there are as many pages.
        let page = |index| unsafe { head.add(index) };
        let mut index = 0;
        while index < count {
            // A tail, as those of a larger folio are, has a count of zero.
            if !page(index).freeze() {
                break;
            }
            index += 1 << page(index).order();
        }
        let (is_frozen, end) = (index == count, index);
        index = 0;
        while index < end {
            let (first, order) = (page(index), page(index).order());
            match is_frozen {
                // SAFETY: The folio was frozen above. The rest is by the contract of this function.
                true => unsafe { first.dissolve(order, map) },
                // SAFETY: The folio was frozen above, so that nothing has a reference from which to
                // take one.
                false => unsafe { first.unfreeze() },
            }
            index += 1 << order;
        }
        is_frozen
    }

    /// Makes the large folio that begins at page `index` pages again.
    ///
    /// # Safety
    /// The folio is large and idle. [`wait_for_walks`] has returned since the last entry of a page
    /// table for it went, and there will be no other one.
    ///
    /// [`wait_for_walks`]: super::pages::wait_for_walks
    pub(super) unsafe fn split(&mut self, index: u64) {
        let (Some(head), Some(map)) = (self.page(index), self.map_of(index)) else { return };
        let count = 1 << head.order();
        let _flags = FLAGS.lock();
        // SAFETY: The folio belongs to the map, so it is valid. By the contract of this function it
        // is large, nothing else has a reference to it, hence no page table has an entry for it,
        // and no walk without locks knows one. Nothing else writes flags, since `FLAGS` is held.
        // Code that looks at pages by number, as /proc/kpageflags does, is prepared for folios that
        // change meanwhile.
        unsafe { raw::dax_folio_reset_order(head.folio()) };
        for page in self.range(index, index + count) {
            // SAFETY: The page was one of an idle folio, so that nothing else has a reference. No
            // page table and no walk knows the page, by the contract of this function, and nothing
            // gets a reference by its number, since pages of devices are not online.
            unsafe { page.unfreeze() };
        }
        if count == HUGE_PAGES {
            self.huge_folios.store(self.huge_folios().saturating_sub(1), Relaxed);
        }
        // SAFETY: Making the folio took one reference to the map for each page, which this puts.
        unsafe { raw::daxfs_pagemap_put(map.as_ptr(), to_usize(count)) };
    }
}
