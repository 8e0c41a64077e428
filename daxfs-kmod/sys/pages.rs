// SPDX-License-Identifier: GPL-2.0-only
//! Struct pages over a physical range.
//!
//! The pages are of the type `MEMORY_DEVICE_GENERIC`: they belong to no allocator, and a page that
//! nobody uses has one reference, which is ours. A stretch of 2 MiB that lies in one file becomes
//! one folio of order 9, which a single page-table entry can map.

use kernel::error::from_err_ptr;
use kernel::prelude::*;

use super::claim::{Claim, Refusal};
use super::lock::{ReadGuard, SemaphoreTable};
use super::page::{Page, Pfn, HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT};
use super::raw;
use super::task::let_others_run;
use crate::num::{to_u64, to_usize};
use crate::poison::{self, MARKS};

/// Struct pages and a kernel mapping for a claimed range.
///
/// A map that is dropped stays: [`PageMap::release`] is what gives it back.
///
/// # Invariants
/// `map` came from a box, was given to `memremap_pages()` with success, and covers `pages` pages from
/// `first` on, the range of `claim`, which the kernel maps at `base`. The count of references to the
/// head of each folio is one more than the references that others have; the tails have none.
pub(crate) struct PageMap {
    map: *mut raw::dev_pagemap,
    base: *mut u8,
    first: Pfn,
    pages: u64,
    claim: Claim,
    /// By the number of a stretch of 2 MiB: held for writing by who makes it a folio, for reading by who
    /// takes a reference to one of its pages.
    folios: SemaphoreTable,
}

// SAFETY: All is plain data and pointers to memory that belongs to no thread.
unsafe impl Send for PageMap {}
// SAFETY: What `&PageMap` offers reads the fields, which nobody writes, and counts references
// atomically.
unsafe impl Sync for PageMap {}

/// A map that cannot be given back: somebody has a reference to its page with this index.
pub(crate) struct Busy {
    pub(crate) pages: PageMap,
    pub(crate) page: u64,
}

impl PageMap {
    /// Makes struct pages for a claimed range.
    pub(crate) fn create(claim: Claim) -> Result<Self, Refusal> {
        let (start, length) = (claim.start(), claim.length());
        if has_page_map(start) || has_page_map(start + (length - 1)) {
            return Err(Refusal::HasPages);
        }
        let map = KBox::new(raw::dev_pagemap::default(), GFP_KERNEL);
        let mut map = map.map_err(|error| Refusal::Pages(error.into()))?;
        let folios = SemaphoreTable::new().map_err(Refusal::Pages)?;
        map.type_ = raw::memory_type_MEMORY_DEVICE_GENERIC;
        map.nr_range = 1;
        map.ops = poison::OPERATIONS.get();
        let range = raw::range { start, end: start + (length - 1) };
        // SAFETY: The union holds integers only, and the map has room for one range.
        unsafe { *map.__bindgen_anon_1.range.as_mut() = range };
        // SAFETY: Looks the address up in tables of the machine, whatever it is. The node is online, or is
        // none, for which the kernel takes that of this processor.
        let node = unsafe { raw::daxfs_node_of(start) };
        // SAFETY: The map is zeroed but for what the function wants of a GENERIC one, which are
        // type and ranges, and for operations, which live for ever; owner and altmap are optional. It initialises reference
        // count and completion itself. By the invariants of a claim the range is aligned to what
        // struct pages are added in, lies where they can be, holds no System RAM, and is nobody
        // else's, so that nobody who claims what he takes has a page map for it. For those who do not
        // the function looks as it was done above, and warns. The map stays where it is, on the
        // heap, until `release`.
        let base = from_err_ptr(unsafe { raw::memremap_pages(&mut *map, node) });
        let base = base.map_err(Refusal::Pages)?;
        // INVARIANT: The function succeeded; it gives each GENERIC page one reference.
        Ok(Self {
            map: KBox::into_raw(map),
            base: base.cast(),
            first: Pfn(start >> PAGE_SHIFT),
            pages: length >> PAGE_SHIFT,
            claim,
            folios,
        })
    }

    /// The map as C takes it.
    pub(crate) fn as_ptr(&self) -> *mut raw::dev_pagemap {
        self.map
    }

    /// The range.
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Where the kernel maps the range.
    pub(crate) fn base(&self) -> *const u8 {
        self.base
    }

    /// The page with this index in the range, if it has that many.
    #[inline]
    pub(crate) fn page(&self, index: u64) -> Option<Page<'_>> {
        // SAFETY: The page lies in the range, whose map is borrowed.
        (index < self.pages).then(|| unsafe { Page::of(Pfn(self.first.0 + index)) })
    }

    /// Keeps the folio of page `index` what it is, for as long as the guard lives.
    ///
    /// Who takes a reference to a page that may have no other holds this.
    #[inline]
    pub(crate) fn keep_folio(&self, index: u64) -> ReadGuard<'_> {
        self.folios.of(index / HUGE_PAGES).read()
    }

    /// Makes one folio of the 2 MiB from page `index` on, if they are aligned, lie in the range, and
    /// nobody has a reference to one of their pages. Returns the first page of the folio, which may
    /// have been there before, and stays as long as the map.
    pub(crate) fn make_huge(&self, index: u64) -> Option<Page<'_>> {
        let head = self.huge_head(index)?;
        let _lock = self.folios.of(index / HUGE_PAGES).write();
        if head.order() == HUGE_ORDER {
            return Some(head);
        }
        let _flags = MARKS.lock();
        // Marks that are made from now on wait for the folio.
        if poison::seen() && poison::any_marked(self.stretch(index)) {
            return None;
        }
        if !Self::freeze(head) {
            return None;
        }
        let folio = head.folio();
        // SAFETY: The pages belong to the map, and are no part of a folio. Nobody else writes their flags,
        // which the function does not write atomically: `MARKS` is held, and what else sets flags, such as
        // mlock(2), has a reference. Their counts are zero, and stay so, since nobody has a reference to
        // add another to:
        // - Page tables have no entry for them, which would have a reference. Entries are made under
        //   the lock that is held here, or copied from others.
        // - A walk of page tables without locks (`gup_fast`) may still know an entry that has gone, where
        //   flushing the TLB interrupts nobody (INVLPGB, arm64). It adds to a count unless that is zero,
        //   and looks at the entry again: until the function sets the head's count it fails, after that it
        //   puts back what it took. One that pins takes 1024 from a page and one from a large folio: if
        //   it takes the head between the two moments in which the function sets its count and
        //   makes it large, it puts back one, and the count stays 1023 too high. Then nobody has a
        //   page that is not his, but the folio never is idle, and the range stays parked. A grace period
        //   here would close this window, and cost every folio milliseconds.
        // - Those who find pages by their number (/proc/kpage*, page_idle, compaction, DAMON,
        //   splitting by debugfs) leave those of devices alone: they are not online.
        // - The pages are on no list and in no mapping, so neither reclaim nor a look-up finds them.
        unsafe { raw::daxfs_zone_device_folio_init(folio, self.map, HUGE_ORDER) };
        // SAFETY: The function above has locked the folio.
        unsafe { raw::daxfs_folio_unlock(folio) };
        Some(head)
    }

    /// Takes our reference to each page of the 2 MiB from `head` on away, unless somebody else has one to
    /// any of them: then it takes none, and returns false. The caller keeps others from taking new ones.
    fn freeze(head: Page<'_>) -> bool {
        // SAFETY: Maps are as long as a multiple of 2 MiB, and `head` begins 2 MiB of one.
        let page = |index| unsafe { head.add(index) };
        let Some(used) = (0..HUGE_PAGES).find(|&index| !page(index).freeze()) else { return true };
        for index in 0..used {
            // SAFETY: The page is valid and frozen: nobody else changes its count.
            unsafe { raw::daxfs_set_page_count(page(index).as_ptr(), 1) };
        }
        false
    }

    /// The 2 MiB of pages from page `index` on, as far as the range has them.
    fn stretch(&self, index: u64) -> impl Iterator<Item = Page<'_>> {
        (index..index + HUGE_PAGES).filter_map(|index| self.page(index))
    }

    /// The first page of an aligned huge stretch that lies in the range.
    fn huge_head(&self, index: u64) -> Option<Page<'_>> {
        self.page(index.checked_add(HUGE_PAGES)?.checked_sub(1)?)?;
        self.page(index).filter(|_| (self.first.0 + index) % HUGE_PAGES == 0)
    }

    /// Gives the struct pages and the range back, unless somebody has a reference to a page. Looks at
    /// the page `suspect` first, which was the busy one the last time. [`wait_for_walks`] has returned since
    /// the last entry of a page table for one of the pages went.
    pub(crate) fn release(mut self, suspect: u64) -> Result<(), Busy> {
        let busy = |(index, page): &(u64, Page<'_>)| (!page.is_idle()).then_some(*index);
        let first = self.page(suspect).map(|page| (suspect, page)).as_ref().and_then(busy);
        if let Some(page) = first.or_else(|| self.heads().find_map(|head| busy(&head))) {
            return Err(Busy { pages: self, page });
        }
        self.reset_idle_folios();
        let Self { map, claim, .. } = self;
        // SAFETY: By the invariant the map is live. Nobody has a reference to a page, and nobody can
        // get one: there is no entry of a page table, which would count as a reference, and no walk that
        // knows one that has gone; no `Page` and
        // no pointer into the kernel's mapping outlives the map; and those who find pages by their
        // number leave alone what is not online, or hold a reference to the map, which is waited for.
        unsafe { raw::memunmap_pages(map) };
        // SAFETY: The map came from a box, and the kernel has let go of it.
        drop(unsafe { KBox::from_raw(map) });
        drop(claim);
        Ok(())
    }

    /// Makes all pages that nobody has a reference to as they were when the map was created.
    pub(crate) fn reset_idle_folios(&mut self) {
        let mut index = 0;
        while let Some(head) = self.page(index) {
            let (order, next) = (head.order(), index + (1 << head.order()));
            if head.is_idle() {
                head.forget_locked();
                if order != 0 {
                    self.split_huge(index, head);
                }
            }
            index = next;
            give_way(index);
        }
    }

    /// The first page of every folio, with its index.
    fn heads(&self) -> impl Iterator<Item = (u64, Page<'_>)> {
        let mut index = 0;
        core::iter::from_fn(move || {
            let page = self.page(index)?;
            let at = index;
            index += 1 << page.order();
            give_way(index);
            Some((at, page))
        })
    }

    /// Undoes [`PageMap::make_huge`] for the idle folio that begins at page `index`.
    fn split_huge(&self, index: u64, head: Page<'_>) {
        let _flags = MARKS.lock();
        // SAFETY: The folio is valid. Nobody else has a reference to it, hence an entry of a page
        // table for it, and a grace period has passed since the last one went, so that no walk without locks
        // knows one. Nobody else writes flags, since `MARKS` is held. Those who look at pages by their number,
        // as /proc/kpageflags does, are prepared for folios that change while they look.
        unsafe { raw::dax_folio_reset_order(head.folio()) };
        for page in self.stretch(index) {
            // SAFETY: Nobody has a reference to the page, and nobody can get one by its number, since
            // pages of devices are not online; so the count has no other writer.
            unsafe { raw::daxfs_set_page_count(page.as_ptr(), 1) };
        }
        // SAFETY: Making the folio took one reference on the map for each page.
        unsafe { raw::daxfs_pagemap_put(self.map, to_usize(HUGE_PAGES)) };
    }
}

/// Whether somebody has struct pages of a device for the page at `address`.
///
/// A claim keeps off those who claim. The kernel warns where two maps meet.
fn has_page_map(address: u64) -> bool {
    // SAFETY: Looks the number up in a table of the kernel's, whatever it is.
    let map = unsafe { raw::get_dev_pagemap(to_usize(address >> PAGE_SHIFT)) };
    if map.is_null() {
        return false;
    }
    // SAFETY: The reference that was just taken.
    unsafe { raw::daxfs_pagemap_put(map, 1) };
    true
}

/// Lets others run from time to time in a walk over pages that has come to `index`.
fn give_way(index: u64) {
    if index % WALK == 0 {
        // Walks over pages are made in process context, without spinlocks.
        let_others_run();
    }
}

/// How many pages a walk looks at before it lets others run; a multiple of those of a huge folio.
const WALK: u64 = 64 * HUGE_PAGES;

/// Has every processor drop the references to pages that it keeps for later.
///
/// mlock(2) and the end of a locked mapping leave pages on such a list for as long as nothing else is
/// locked there.
pub(crate) fn drain_processors() {
    // SAFETY: This is process context; the function sleeps.
    unsafe { raw::daxfs_drain_processors() };
}

/// Waits until every walk of page tables without locks that is under way has ended, and has put back
/// what it took from an entry that has gone.
///
/// Such walks run with interrupts off, which a grace period waits for. Flushing the TLB waits for them
/// too where it interrupts the other processors, but not everywhere does it.
pub(crate) fn wait_for_walks() {
    // SAFETY: This is process context, outside of RCU read sides; the function sleeps.
    unsafe { raw::synchronize_rcu() };
}

/// How much memory can be had without swapping, in bytes.
pub(crate) fn available_memory() -> u64 {
    // SAFETY: Reads counters.
    let pages = unsafe { raw::si_mem_available() };
    u64::try_from(pages).unwrap_or(0) << PAGE_SHIFT
}

/// The highest physical address that can have struct pages.
pub(crate) fn physical_limit() -> u64 {
    // SAFETY: Reads constants of this machine.
    to_u64(unsafe { raw::daxfs_phys_limit() })
}
