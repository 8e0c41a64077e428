// SPDX-License-Identifier: GPL-2.0-only
//! Struct pages over a physical range.
//!
//! The pages are of the type `MEMORY_DEVICE_GENERIC`: they belong to no allocator, and a page that
//! nobody uses has one reference, which is ours. A stretch of 2 MiB that lies in one file becomes
//! one folio of order 9, which a single page-table entry can map.

use kernel::error::{from_err_ptr, Result};
use kernel::prelude::*;

use super::lock::{ReadGuard, SemaphoreTable};
use super::raw;

/// The size of a page of this kernel, as a power of two.
pub(crate) const PAGE_SHIFT: u32 = raw::DAXFS_PAGE_SHIFT;

/// The size of a page of this kernel, in bytes.
pub(crate) const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;

/// How many pages a huge entry maps, as a power of two.
pub(crate) const HUGE_ORDER: u32 = raw::DAXFS_PMD_ORDER;

/// How many pages a huge entry maps.
pub(crate) const HUGE_PAGES: u64 = 1 << HUGE_ORDER;

/// A number of a page of physical memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pfn(pub(crate) u64);

/// Struct pages and a kernel mapping for a physical range.
///
/// # Invariants
/// `map` came from a box and was given to `memremap_pages()` with success and covers `pages` pages from `first` on, which
/// the kernel maps at `base`. Each page is idle with one reference, but for those of folios that
/// [`PageMap::make_huge`] made, whose tails have none, and for references that others took since.
pub(crate) struct PageMap {
    map: *mut raw::dev_pagemap,
    base: *mut u8,
    first: Pfn,
    pages: u64,
    /// By the number of a stretch of 2 MiB: held for writing by who makes it a folio, for reading by who
    /// takes a reference to one of its pages.
    folios: SemaphoreTable,
}

// SAFETY: The map is written by its owner alone, when it makes folios and when it goes.
unsafe impl Send for PageMap {}
// SAFETY: As above; shared use only reads.
unsafe impl Sync for PageMap {}

impl PageMap {
    /// Makes struct pages for the `pages` pages from `first` on.
    ///
    /// The range has been claimed by the caller, who has checked that it is no System RAM and lies
    /// below [`physical_limit`]; both ends are multiples of 2 MiB.
    pub(crate) fn create(first: Pfn, pages: u64) -> Result<Self> {
        let mut map = KBox::new(raw::dev_pagemap::default(), GFP_KERNEL)?;
        let folios = SemaphoreTable::new()?;
        map.type_ = raw::memory_type_MEMORY_DEVICE_GENERIC;
        map.nr_range = 1;
        let (start, end) = (first.0 << PAGE_SHIFT, ((first.0 + pages) << PAGE_SHIFT) - 1);
        // SAFETY: The map has room for one range.
        unsafe { *map.__bindgen_anon_1.range.as_mut() = raw::range { start, end } };
        // SAFETY: The map describes one range, and lives on the heap until `drop`.
        let base = from_err_ptr(unsafe { raw::memremap_pages(&mut *map, NO_NODE) })?;
        // INVARIANT: The function succeeded, and gives each GENERIC page one reference.
        Ok(Self { map: KBox::into_raw(map), base: base.cast(), first, pages, folios })
    }

    /// Where the kernel maps the range.
    pub(crate) fn base(&self) -> *const u8 {
        self.base
    }

    /// The page with this index in the range, if it has that many.
    #[inline]
    pub(crate) fn page(&self, index: u64) -> Option<Page> {
        (index < self.pages).then(|| Page::at(Pfn(self.first.0 + index)))
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
    pub(crate) fn make_huge(&self, index: u64) -> Option<Page> {
        let head = self.huge_head(index)?;
        let _lock = self.folios.of(index / HUGE_PAGES).write();
        if head.order() == HUGE_ORDER {
            return Some(head);
        }
        if !self.freeze(index) {
            return None;
        }
        let folio = head.folio();
        // SAFETY: The pages belong to the map, and are no part of a folio. Their counts are zero, and
        // stay so, since nobody has a reference to add another to:
        // - Page tables have no entry for them, which would have a reference. Entries are made under
        //   the lock that is held here, or copied from others.
        // - A walk of page tables without locks (`gup_fast`) may still know an entry that has gone. It
        //   adds to a count unless that is zero, and looks at the entry again: until the function
        //   sets the head's count it fails, after that it puts the reference back.
        // - Those who find pages by their number (/proc/kpage*, page_idle, compaction, DAMON,
        //   splitting by debugfs) leave those of devices alone: they are not online.
        // - The pages are on no list and in no mapping, so neither reclaim nor a look-up finds them.
        unsafe { raw::daxfs_zone_device_folio_init(folio, self.map, HUGE_ORDER) };
        // SAFETY: The function above has locked the folio.
        unsafe { raw::daxfs_folio_unlock(folio) };
        Some(head)
    }

    /// Takes our reference to each of [`HUGE_PAGES`] pages away, unless somebody else has one to any of
    /// them: then it takes none, and returns false. The caller keeps others from taking new ones.
    fn freeze(&self, index: u64) -> bool {
        let pages = || (index..index + HUGE_PAGES).filter_map(|index| self.page(index));
        let frozen = pages().take_while(|page| page.freeze()).count();
        if frozen == HUGE_PAGES as usize {
            return true;
        }
        for page in pages().take(frozen) {
            // SAFETY: The page is valid and frozen: nobody else changes its count.
            unsafe { raw::daxfs_set_page_count(page.0, 1) };
        }
        false
    }

    /// The first page of an aligned huge stretch that lies in the range.
    fn huge_head(&self, index: u64) -> Option<Page> {
        self.page(index.checked_add(HUGE_PAGES)?.checked_sub(1)?)?;
        self.page(index).filter(|_| (self.first.0 + index) % HUGE_PAGES == 0)
    }

    /// Whether nobody but us has a reference to any page.
    pub(crate) fn is_idle(&self) -> bool {
        self.heads().all(|(_, page)| page.reference_count() == 1)
    }

    /// The first page of every folio, with its index.
    fn heads(&self) -> impl Iterator<Item = (u64, Page)> + '_ {
        let mut index = 0;
        core::iter::from_fn(move || {
            let page = self.page(index)?;
            let at = index;
            index += 1 << page.order();
            Some((at, page))
        })
    }

    /// Undoes [`PageMap::make_huge`] for the folio that begins at page `index`.
    fn split_huge(&mut self, index: u64, head: Page) {
        // SAFETY: Nobody else has a reference to the folio, or the map would not be going.
        unsafe { raw::dax_folio_reset_order(head.folio()) };
        for page in (index..index + HUGE_PAGES).filter_map(|index| self.page(index)) {
            // SAFETY: The page is idle and ours.
            unsafe { raw::daxfs_set_page_count(page.0, 1) };
        }
        // SAFETY: Making the folio took one reference on the map for each page.
        unsafe { raw::daxfs_pagemap_put(self.map, HUGE_PAGES as usize) };
    }
}

impl Drop for PageMap {
    /// The owner has made sure that the map is idle.
    fn drop(&mut self) {
        let mut index = 0;
        while let Some(page) = self.page(index) {
            let order = page.order();
            if order != 0 {
                self.split_huge(index, page);
            }
            index += 1 << order;
        }
        // SAFETY: By the invariant the map is live; nothing uses its pages any more.
        unsafe { raw::memunmap_pages(self.map) };
        // SAFETY: The map came from a box, and the kernel has let go of it.
        drop(unsafe { KBox::from_raw(self.map) });
    }
}

const NO_NODE: i32 = -1;

/// A page of a live [`PageMap`].
#[derive(Clone, Copy)]
pub(crate) struct Page(*mut raw::page);

impl Page {
    fn at(pfn: Pfn) -> Self {
        // SAFETY: The page map has a struct page for this number.
        Self(unsafe { raw::daxfs_pfn_to_page(pfn.0 as usize) })
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
        Self(unsafe { self.0.add(distance as usize) })
    }

    /// The page `distance` pages before.
    ///
    /// # Safety
    /// As [`Page::add`].
    #[inline]
    pub(crate) unsafe fn sub(self, distance: u64) -> Self {
        // SAFETY: As above.
        Self(unsafe { self.0.sub(distance as usize) })
    }

    /// Takes our reference away, if nobody else has one.
    fn freeze(self) -> bool {
        // SAFETY: The page is valid. A count that is not ours alone is left as it is.
        unsafe { raw::daxfs_page_freeze(self.0, 1) }
    }

    /// Takes a reference, which somebody else will put. The caller holds [`PageMap::keep_folio`].
    pub(crate) fn get(self) {
        // SAFETY: The page is valid, and its folio has our reference, which nobody takes away now.
        unsafe { raw::daxfs_get_page(self.0) };
    }

    fn reference_count(self) -> i32 {
        // SAFETY: The page is valid.
        unsafe { raw::daxfs_page_ref_count(self.0) }
    }
}

/// The highest physical address that can have struct pages.
pub(crate) fn physical_limit() -> u64 {
    // SAFETY: Reads constants of this machine.
    unsafe { raw::daxfs_phys_limit() as u64 }
}
