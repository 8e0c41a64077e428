// SPDX-License-Identifier: GPL-2.0-only
//! A claimed range, with a kernel mapping and struct pages.
//!
//! The pages are of the type `MEMORY_DEVICE_GENERIC`: they belong to no allocator, and a page that
//! is not in use has one reference, that of the map.

use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};
use kernel::sync::Arc;

use super::chunks::{has_page_map, Chunks, Maker};
use super::claim::Claim;
use super::failure::{FailureHandler, KernelMap, Route};
use super::page::{Page, Pfn};
use super::refusal::Refusal;
use super::view::View;
use crate::sys::lock::SemaphoreTable;
use crate::sys::raw;
use crate::sys::size::{HUGE_PAGES, PAGE_SHIFT};
use crate::sys::task::reschedule;

/// A claimed range with a kernel mapping, and struct pages where files were opened.
///
/// Struct pages of a map that is dropped stay: [`PageMap::release`] gives them back.
///
/// # Invariants
/// `view` is one of all pages from `first` on, the range of `claim`, whose struct pages are those of
/// `chunks`. The count of the head of each folio is one more than the references that
/// others hold; the tails have none. Fields are dropped in order.
pub(super) struct PageMap {
    chunks: Chunks,
    route: Arc<Route>,
    view: View,
    first: Pfn,
    /// Number of folios of 2 MiB. They become pages again with the release of the map only.
    pub(super) huge_folios: Atomic<u64>,
    /// By the number of an aligned 2 MiB of the range. Must be held for writing while making
    /// folios of its pages, and for reading while taking the first reference to one of them.
    pub(super) folios: SemaphoreTable,
    claim: Claim,
}

/// A map that cannot be given back: its page with this index has another reference.
///
/// # Invariants
/// The contract of [`PageMap::release`] holds.
pub(super) struct Busy {
    pub(super) pages: PageMap,
    pub(super) page: u64,
}

impl PageMap {
    /// Maps a claimed range, which has no struct pages yet.
    pub(super) fn create(claim: Claim) -> Result<Self, Refusal> {
        let (start, length) = (claim.start(), claim.length());
        if has_page_map(start) || has_page_map(start + (length - 1)) {
            return Err(Refusal::HasPages);
        }
        // INVARIANT: The range has no struct pages, and the view is one of all of it.
        Ok(Self {
            chunks: Chunks::new(length >> PAGE_SHIFT).map_err(Refusal::Pages)?,
            route: Route::new(start).map_err(Refusal::Pages)?,
            view: View::new(&claim, length)?,
            first: Pfn(start >> PAGE_SHIFT),
            huge_folios: Atomic::new(0),
            folios: SemaphoreTable::new().map_err(Refusal::Pages)?,
            claim,
        })
    }

    /// Returns true if the kernel maps the range write-back.
    ///
    /// On x86 the kernel maps memory uncached instead, and says nothing, where the firmware's MTRRs
    /// do not say write-back: in the addresses of PCI devices below 4 GiB.
    pub(super) fn is_cached(&self) -> bool {
        // SAFETY: By the invariant the kernel maps the range, all in one mode, at `base`.
        unsafe { raw::daxfs_is_mapped_cached(self.base().addr()) }
    }

    /// Makes the struct pages from `first` to `end`, as far as they do not exist. The caller holds
    /// no `mmap_lock`.
    pub(super) fn make_pages(&self, first: u64, end: u64) -> Result<(), Refusal> {
        self.chunks.make(&Maker { claim: &self.claim, route: &self.route }, first, end)
    }

    /// Sets the handler of failures in place of one before.
    pub(super) fn set_handler(&self, handler: Arc<dyn FailureHandler>) {
        self.route.set_handler(handler);
    }

    /// Returns the kernel's map of the page with this index, if its struct page exists.
    #[inline]
    pub(super) fn map_of(&self, index: u64) -> Option<&KernelMap> {
        self.chunks.map_of(index)
    }

    /// Returns the claim on the range.
    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Returns the address at which the kernel maps the range.
    #[inline]
    pub(super) fn base(&self) -> *const u8 {
        self.view.base()
    }

    /// Returns the page with this index in the range, if its struct page exists.
    #[inline]
    pub(super) fn page(&self, index: u64) -> Option<Page<'_>> {
        // SAFETY: The page belongs to a chunk of the range, which stays while the map is borrowed.
        self.map_of(index).map(|_| unsafe { Page::of(Pfn(self.first.0 + index)) })
    }

    /// Returns the number of pages, and the number of those whose struct pages exist.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.claim.length() >> PAGE_SHIFT, self.chunks.made())
    }

    /// Returns the number of folios of 2 MiB.
    pub(super) fn huge_folios(&self) -> u64 {
        self.huge_folios.load(Relaxed)
    }

    /// Returns the pages from `first` to `end`, as far as their struct pages exist.
    pub(super) fn range(&self, first: u64, end: u64) -> impl Iterator<Item = Page<'_>> {
        (first..end).filter_map(|index| self.page(index))
    }

    /// Returns the first page of the aligned 2 MiB that begin at page `index`, if it is aligned and
    /// their struct pages exist.
    #[inline]
    pub(super) fn huge_head(&self, index: u64) -> Option<Page<'_>> {
        // Chunks begin and end at multiples of 2 MiB.
        let is_aligned = (self.first.0 + index) % HUGE_PAGES == 0;
        is_aligned.then(|| self.page(index)).flatten()
    }

    /// Gives struct pages and range back, unless a page has another reference. Looks first at the
    /// page `suspect`, which was busy the last time.
    ///
    /// # Safety
    /// [`wait_for_walks`] has returned since the last entry of a page table for one of the pages
    /// went, and there will be no other one.
    pub(super) unsafe fn release(mut self, suspect: u64) -> Result<(), Busy> {
        let is_busy = self.page(suspect).is_some_and(|page| !page.is_idle());
        // SAFETY: By the contract of this function.
        let busy = is_busy.then_some(suspect).or_else(|| unsafe { self.reset_idle_folios() });
        if let Some(page) = busy {
            // INVARIANT: By the contract of this function.
            return Err(Busy { pages: self, page });
        }
        let Self { chunks, view, claim, .. } = self;
        for chunk in chunks.into_chunks() {
            // SAFETY: No page has another reference, and none can get one: by the contract of this
            // function no page table has an entry for one or gets one, and no walk knows an entry
            // that has gone; no `Page` outlives the map.
            unsafe { chunk.unmap() };
        }
        drop(view);
        drop(claim);
        Ok(())
    }

    /// Makes all idle pages what they were when their struct pages were made. Returns a page that
    /// has another reference, if there is one.
    ///
    /// # Safety
    /// The contract is that of [`PageMap::release`].
    pub(super) unsafe fn reset_idle_folios(&mut self) -> Option<u64> {
        let mut busy = None;
        for number in 0.. {
            let Some((first, pages)) = self.chunks.bounds(number) else { break };
            // SAFETY: By the contract of this function.
            busy = unsafe { self.reset_chunk(first, first + pages) }.or(busy);
        }
        busy
    }

    /// Does the same for the pages from `first` to `end`.
    ///
    /// # Safety
    /// The contract is that of [`PageMap::release`].
    unsafe fn reset_chunk(&mut self, first: u64, end: u64) -> Option<u64> {
        let (mut index, mut busy) = (first, None);
        while let Some(head) = self.page(index).filter(|_| index < end) {
            let order = head.order();
            if head.is_idle() {
                // SAFETY: The folio is idle, and nothing can take a reference: by the contract of
                // this function no page table has an entry for it or gets one, and no walk knows
                // one; the map is borrowed exclusively.
                unsafe { head.clear_mlocked() };
                if order != 0 {
                    // SAFETY: The folio is idle and large. The rest is by the contract of this
                    // function.
                    unsafe { self.split(index) };
                }
            } else {
                busy = Some(index);
            }
            index += 1 << order;
            reschedule_at(index);
        }
        busy
    }
}

/// Lets other tasks run from time to time in a walk over pages that has come to `index`.
fn reschedule_at(index: u64) {
    if index % WALK == 0 {
        // Walks over pages happen in process context, without spinlocks.
        reschedule();
    }
}

/// Number of pages that a walk looks at before it lets other tasks run: a multiple of those of a
/// huge folio.
const WALK: u64 = 64 * HUGE_PAGES;

/// Has every processor drop the references to pages that it keeps on its lists.
///
/// mlock(2) and the end of a locked mapping leave pages on such a list for as long as nothing else
/// is locked there.
pub(super) fn drain_processors() {
    // SAFETY: The function may sleep, and is called in process context without locks that
    // processors going offline take.
    unsafe { raw::daxfs_drain_processors() };
}

/// Waits until every walk of page tables without locks that is under way has ended, and has put
/// back the references that it took by an entry that has gone.
///
/// Such walks run with interrupts off, for which a grace period waits. Flushing the TLB waits for
/// them too where it interrupts the other processors, which it does not do everywhere.
pub(super) fn wait_for_walks() {
    // SAFETY: The function sleeps, and is called in process context outside of RCU readers.
    unsafe { raw::synchronize_rcu() };
}
