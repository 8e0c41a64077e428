// SPDX-License-Identifier: GPL-2.0-only
//! Struct pages over a claimed range.
//!
//! The pages are of the type `MEMORY_DEVICE_GENERIC`: they belong to no allocator, and a page that
//! is not in use has one reference, that of the map.

use core::mem::ManuallyDrop;

use kernel::error::from_err_ptr;
use kernel::prelude::*;

use super::claim::Claim;
use super::failure::KernelMap;
use super::page::{Page, Pfn, FLAGS};
use super::refusal::Refusal;
use crate::sys::lock::SemaphoreTable;
use crate::sys::num::to_usize;
use crate::sys::raw;
use crate::sys::size::{HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT};
use crate::sys::task::reschedule;

/// Struct pages and a kernel mapping for a claimed range.
///
/// A map that is dropped stays: [`PageMap::release`] gives it back.
///
/// # Invariants
/// `kernel_map` was given to `memremap_pages()` with success, and covers `pages` pages from `first`
/// on, the range of `claim`, which the kernel maps at `base`. The count of the head of each folio
/// is one more than the references that others hold; the tails have none.
pub(super) struct PageMap {
    kernel_map: ManuallyDrop<Pin<KBox<KernelMap>>>,
    base: *mut u8,
    first: Pfn,
    pages: u64,
    claim: Claim,
    /// By the number of an aligned 2 MiB of the range. Must be held for writing while making it a
    /// folio, and for reading while taking the first reference to one of its pages.
    pub(super) folios: SemaphoreTable,
}

// SAFETY: All fields are plain data and pointers to memory that belongs to no thread.
unsafe impl Send for PageMap {}
// SAFETY: The methods of `&PageMap` read fields that nothing writes, count references atomically,
// and take locks for the rest.
unsafe impl Sync for PageMap {}

/// A map that cannot be given back: its page with this index has another reference.
///
/// # Invariants
/// The contract of [`PageMap::release`] holds.
pub(super) struct Busy {
    pub(super) pages: PageMap,
    pub(super) page: u64,
}

impl PageMap {
    /// Makes struct pages for a claimed range.
    pub(super) fn create(claim: Claim) -> Result<Self, Refusal> {
        let (start, length) = (claim.start(), claim.length());
        if has_page_map(start) || has_page_map(start + (length - 1)) {
            return Err(Refusal::HasPages);
        }
        let kernel_map = KernelMap::new(start, length).map_err(Refusal::Pages)?;
        let folios = SemaphoreTable::new().map_err(Refusal::Pages)?;
        // SAFETY: The function looks an address up in tables of the machine, whatever it is. The
        // node is online, or none, for which the kernel takes that of this processor.
        let node = unsafe { raw::daxfs_node_of(start) };
        // SAFETY: The map is zeroed but for what the function demands of a GENERIC one, type and
        // range, and for operations, which live for ever; owner and altmap are optional. The
        // function itself initialises reference count and completion. By the invariants of a claim
        // the range is aligned to the unit in which struct pages are added, lies where they can be,
        // holds no System RAM, and is claimed by nothing else, so that no driver that claims has a
        // page map for it. For drivers that do not claim the function looks as was done above, and
        // warns. The map stays at its address, on the heap, until `release`.
        let base = from_err_ptr(unsafe { raw::memremap_pages(kernel_map.as_ptr(), node) });
        let base = base.map_err(Refusal::Pages)?;
        // INVARIANT: The function succeeded; it gives each GENERIC page one reference.
        let map = Self {
            kernel_map: ManuallyDrop::new(kernel_map),
            base: base.cast(),
            first: Pfn(start >> PAGE_SHIFT),
            pages: length >> PAGE_SHIFT,
            claim,
            folios,
        };
        map.clear_reserved();
        Ok(map)
    }

    /// Makes all pages ones that VFIO counts.
    fn clear_reserved(&self) {
        for index in (0..self.pages).step_by(to_usize(HUGE_PAGES)) {
            let Some(head) = self.huge_head(index) else { return };
            let flags = FLAGS.lock();
            for distance in 0..HUGE_PAGES {
                // SAFETY: `huge_head` found as many pages from `head` on, in an aligned 2 MiB.
                unsafe { head.add(distance) }.clear_reserved(&flags);
            }
            drop(flags);
            reschedule_at(index);
        }
    }

    /// Returns true if the kernel maps the range write-back.
    ///
    /// On x86 the kernel maps memory uncached instead, and says nothing, where the firmware's MTRRs
    /// do not say write-back: in the addresses of PCI devices below 4 GiB.
    pub(super) fn is_cached(&self) -> bool {
        // SAFETY: By the invariant the kernel maps the range, all in one mode, at `base`.
        unsafe { raw::daxfs_is_mapped_cached(self.base.addr()) }
    }

    /// Returns the map as the kernel has it.
    pub(super) fn kernel_map(&self) -> &KernelMap {
        &self.kernel_map
    }

    /// Returns the claim on the range.
    pub(super) fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Returns the address at which the kernel maps the range.
    #[inline]
    pub(super) fn base(&self) -> *const u8 {
        self.base
    }

    /// Returns the page with this index in the range, if it has as many.
    #[inline]
    pub(super) fn page(&self, index: u64) -> Option<Page<'_>> {
        // SAFETY: The page lies in the range, whose map is borrowed.
        self.contains(index).then(|| unsafe { Page::of(Pfn(self.first.0 + index)) })
    }

    /// Returns true if the range has a page with this index.
    #[inline]
    pub(super) fn contains(&self, index: u64) -> bool {
        index < self.pages
    }

    /// Returns the pages from `first` to `end`, as far as the range has them.
    pub(super) fn range(&self, first: u64, end: u64) -> impl Iterator<Item = Page<'_>> {
        (first..end).filter_map(|index| self.page(index))
    }

    /// Returns the first page of the aligned 2 MiB that begin at page `index`, if it is aligned and
    /// the range has them.
    #[inline]
    pub(super) fn huge_head(&self, index: u64) -> Option<Page<'_>> {
        let last = index.checked_add(HUGE_PAGES - 1)?;
        let is_whole = self.contains(last) && (self.first.0 + index) % HUGE_PAGES == 0;
        is_whole.then(|| self.page(index)).flatten()
    }

    /// Returns the first page of every folio, with its index.
    fn heads(&self) -> impl Iterator<Item = (u64, Page<'_>)> {
        let mut index = 0;
        core::iter::from_fn(move || {
            let page = self.page(index)?;
            let at = index;
            index += 1 << page.order();
            reschedule_at(index);
            Some((at, page))
        })
    }

    /// Gives struct pages and range back, unless a page has another reference. Looks first at the
    /// page `suspect`, which was busy the last time.
    ///
    /// # Safety
    /// [`wait_for_walks`] has returned since the last entry of a page table for one of the pages
    /// went, and there will be no other one.
    pub(super) unsafe fn release(mut self, suspect: u64) -> Result<(), Busy> {
        let busy = |(index, page): &(u64, Page<'_>)| (!page.is_idle()).then_some(*index);
        let first = self.page(suspect).map(|page| (suspect, page)).as_ref().and_then(busy);
        if let Some(page) = first.or_else(|| self.heads().find_map(|head| busy(&head))) {
            // INVARIANT: By the contract of this function.
            return Err(Busy { pages: self, page });
        }
        // SAFETY: By the contract of this function.
        unsafe { self.reset_idle_folios() };
        let Self { kernel_map, claim, .. } = self;
        // SAFETY: By the invariant the map is live. No page has another reference, and none can get
        // one: by the contract of this function no page table has an entry for one or gets one, and
        // no walk knows an entry that has gone; no `Page` and no pointer into the kernel's mapping
        // outlives the map; and code that finds pages by their number leaves pages that are not
        // online alone, or holds a reference to the map, for which the function waits.
        unsafe { raw::memunmap_pages(kernel_map.as_ptr()) };
        drop(ManuallyDrop::into_inner(kernel_map));
        drop(claim);
        Ok(())
    }

    /// Makes all idle pages what they were when the map was created.
    ///
    /// # Safety
    /// The contract is that of [`PageMap::release`].
    pub(super) unsafe fn reset_idle_folios(&mut self) {
        let mut index = 0;
        while let Some(head) = self.page(index) {
            let order = head.order();
            if head.is_idle() {
                // SAFETY: The folio is idle, and nothing can take a reference: by the contract of
                // this function no page table has an entry for it or gets one, and no walk knows
                // one; the map is borrowed exclusively.
                unsafe { head.clear_mlocked() };
                if order == HUGE_ORDER {
                    // SAFETY: The folio is idle and huge. The rest is by the contract of this
                    // function.
                    unsafe { self.split_huge(index) };
                }
            }
            index += 1 << order;
            reschedule_at(index);
        }
    }
}

/// Returns true if a device has struct pages for the page at `address`.
///
/// A claim excludes only drivers that claim too. Others may already have a page map here, and
/// `memremap_pages()` warns on overlap.
fn has_page_map(address: u64) -> bool {
    // SAFETY: The function looks a number up in a table of the kernel's, whatever it is.
    let map = unsafe { raw::get_dev_pagemap(to_usize(address >> PAGE_SHIFT)) };
    if map.is_null() {
        return false;
    }
    // SAFETY: The function above took a reference, which this puts.
    unsafe { raw::daxfs_pagemap_put(map, 1) };
    true
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
