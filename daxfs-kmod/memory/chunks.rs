// SPDX-License-Identifier: GPL-2.0-only
//! Struct pages of a range, made as they are needed.
//!
//! A range is divided into granules. The first file of a granule that is opened has the struct
//! pages made, for as many granules around it as have pages already, if these have none: what is
//! made grows with what is used, is at most about twice as much, and the number of maps, each of
//! which costs grace periods when it is given back, grows with the logarithm.
//!
//! Making pages takes the locks of memory hotplug and of processors going offline. Other code holds
//! these while it waits for an `mmap_lock`, so that pages are made when a file is opened, and never
//! when it is mapped or during a fault.

use core::mem::ManuallyDrop;

use kernel::error::from_err_ptr;
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Release};
use kernel::sync::{Arc, Mutex};

use super::claim::Claim;
use super::failure::{KernelMap, Route};
use super::page::{Page, Pfn, FLAGS};
use super::refusal::Refusal;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;
use crate::sys::size::{HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT};
use crate::sys::task::{available_memory, reschedule};

/// Size of a granule, as a power of two of pages, and the most granules that a range has: larger
/// ranges have larger granules.
const GRANULE_ORDER: u32 = 13;
const MAX_GRANULES: u64 = 2048;

// A huge folio lies in one chunk.
const _: () = assert!(GRANULE_ORDER >= HUGE_ORDER);

/// Most pages that are made at once without need.
const MAX_PAGES: u64 = 1 << 18;

/// Size of a struct page in bytes.
pub(super) const STRUCT_PAGE: u64 = to_u64(size_of::<raw::page>());

/// Pages that were made at once.
///
/// # Invariants
/// `kernel_map` was given to `memremap_pages()` with success, and covers `pages` pages from the one
/// with the index `first` on.
pub(super) struct Chunk {
    kernel_map: ManuallyDrop<Pin<KBox<KernelMap>>>,
    pub(super) first: u64,
    pub(super) pages: u64,
}

// SAFETY: All fields are plain data and pointers to memory that belongs to no thread.
unsafe impl Send for Chunk {}

impl Chunk {
    /// Makes all pages, from the one with this number on, ones that VFIO counts.
    fn clear_reserved(&self, first: Pfn) {
        for distance in (0..self.pages).step_by(to_usize(HUGE_PAGES)) {
            // SAFETY: By the invariant the chunk has the page, and begins and ends at multiples of
            // 2 MiB.
            let head = unsafe { Page::of(Pfn(first.0 + distance)) };
            let flags = FLAGS.lock();
            for index in 0..HUGE_PAGES {
                // SAFETY: The page lies in the aligned 2 MiB that begin at `head`.
                unsafe { head.add(index) }.clear_reserved(&flags);
            }
            drop(flags);
            reschedule();
        }
    }

    /// Gives the pages back.
    ///
    /// # Safety
    /// No page has a reference but that of the map, none can get one, and nothing uses a `Page` of
    /// the chunk or its map any more.
    pub(super) unsafe fn unmap(self) {
        // SAFETY: By the invariant the map is live. By the contract of this function no page has
        // another reference, or gets one. Code that finds pages by their number leaves pages that
        // are not online alone, or holds a reference to the map, for which the function waits.
        unsafe { raw::memunmap_pages(self.kernel_map.as_ptr()) };
        drop(ManuallyDrop::into_inner(self.kernel_map));
    }
}

/// The chunks of a range. Those that are dropped stay: [`Chunk::unmap`] gives them back.
///
/// # Invariants
/// An element of `table` is null, or points to the map of a chunk in `made` that covers the
/// granule. Elements that are not null do not change, and chunks stay in `made`, for as long as the
/// value is shared.
pub(super) struct Chunks {
    table: KVVec<Atomic<*const KernelMap>>,
    /// Size of a granule, as a power of two of pages.
    order: u32,
    /// Number of pages of the range.
    pages: u64,
    made: Pin<KBox<Mutex<KVec<Chunk>>>>,
}

// SAFETY: The table points to what `made` owns, which belongs to no thread.
unsafe impl Send for Chunks {}
// SAFETY: The methods of `&Chunks` access the table atomically, and take the lock for the rest.
unsafe impl Sync for Chunks {}

impl Chunks {
    /// Creates the table for a range of `pages` pages, none of which exists.
    pub(super) fn new(pages: u64) -> Result<Self> {
        let order = granule_order(pages);
        let count = to_usize(pages.div_ceil(1 << order));
        let mut table = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            table.push(Atomic::new(core::ptr::null()), GFP_KERNEL)?;
        }
        let made = KBox::pin_init(new_mutex!(KVec::new()), GFP_KERNEL)?;
        // INVARIANT: All elements are null.
        Ok(Self { table, order, pages, made })
    }

    /// Returns the map of the page with this index, if the page exists.
    #[inline]
    pub(super) fn map_of(&self, index: u64) -> Option<&KernelMap> {
        if index >= self.pages {
            return None;
        }
        let map = self.table.get(to_usize(index >> self.order))?.load(Acquire);
        // SAFETY: By the invariant the map is null or that of a chunk, which stays. It was made
        // before the pointer was stored, with `Release`.
        unsafe { map.as_ref() }
    }

    /// Makes the pages from `first` to `end`, as far as they do not exist.
    pub(super) fn make(&self, maker: &Maker<'_>, first: u64, end: u64) -> Result<(), Refusal> {
        let granules = first >> self.order..end.min(self.pages).div_ceil(1 << self.order);
        for granule in granules {
            if !self.exists(granule) {
                self.make_around(maker, granule)?;
            }
        }
        Ok(())
    }

    fn exists(&self, granule: u64) -> bool {
        self.table.get(to_usize(granule)).is_none_or(|map| !map.load(Acquire).is_null())
    }

    /// Makes a granule, and the granules around it as far as there is reason and memory.
    fn make_around(&self, maker: &Maker<'_>, granule: u64) -> Result<(), Refusal> {
        let mut made = self.made.lock();
        if self.exists(granule) {
            return Ok(());
        }
        made.reserve(1, GFP_KERNEL).map_err(|error| Refusal::Pages(error.into()))?;
        let existing: u64 = made.iter().map(|chunk| chunk.pages).sum();
        let mut size = (existing.min(MAX_PAGES) >> self.order).checked_ilog2().unwrap_or(0);
        loop {
            let first = granule >> size << size;
            let end = (first + (1 << size)).min(to_u64(self.table.len()));
            let is_free = (first..end).all(|granule| !self.exists(granule));
            let (first, end) = (first << self.order, (end << self.order).min(self.pages));
            match maker.check_cost(end - first) {
                Ok(()) if is_free => {
                    return self.add(&mut made, maker.make(first, end - first)?);
                }
                Err(refusal) if size == 0 => return Err(refusal),
                _ => size = size.saturating_sub(1),
            }
        }
    }

    /// Adds a chunk, for which there is room.
    fn add(&self, made: &mut KVec<Chunk>, chunk: Chunk) -> Result<(), Refusal> {
        let map: *const KernelMap = &**chunk.kernel_map;
        let last = chunk.first + (chunk.pages - 1);
        let granules = chunk.first >> self.order..=last >> self.order;
        made.push(chunk, GFP_KERNEL).map_err(|error| Refusal::Pages(error.into()))?;
        for element in granules.filter_map(|granule| self.table.get(to_usize(granule))) {
            // INVARIANT: The chunk is in the list, and covers the granule.
            element.store(map, Release);
        }
        Ok(())
    }

    /// Returns first index and number of pages of the chunk with this number.
    pub(super) fn bounds(&self, number: usize) -> Option<(u64, u64)> {
        self.made.lock().get(number).map(|chunk| (chunk.first, chunk.pages))
    }

    /// Returns the number of pages that exist.
    pub(super) fn made(&self) -> u64 {
        self.made.lock().iter().map(|chunk| chunk.pages).sum()
    }

    /// Returns the chunks, which the caller gives back.
    pub(super) fn into_chunks(self) -> KVec<Chunk> {
        let Self { table, made, .. } = self;
        drop(table);
        let mut made = made.lock();
        core::mem::replace(&mut *made, KVec::new())
    }
}

/// The range for which pages are made.
pub(super) struct Maker<'a> {
    pub(super) claim: &'a Claim,
    pub(super) route: &'a Arc<Route>,
}

impl Maker<'_> {
    /// Refuses struct pages that would take too much memory: the kernel warns when making them
    /// fails.
    fn check_cost(&self, pages: u64) -> Result<(), Refusal> {
        let cost = pages.saturating_mul(STRUCT_PAGE);
        if cost > available_memory() / 4 {
            return Err(Refusal::TooCostly(cost));
        }
        Ok(())
    }

    /// Makes `pages` pages from the one with the index `first` on. They lie in the claim and have
    /// none.
    fn make(&self, first: u64, pages: u64) -> Result<Chunk, Refusal> {
        let (start, length) = (self.claim.start() + (first << PAGE_SHIFT), pages << PAGE_SHIFT);
        if has_page_map(start) || has_page_map(start + (length - 1)) {
            return Err(Refusal::HasPages);
        }
        let map = KernelMap::new(start, length, self.route.clone()).map_err(Refusal::Pages)?;
        // SAFETY: The function looks an address up in tables of the machine, whatever it is. The
        // node is online, or none, for which the kernel takes that of this processor.
        let node = unsafe { raw::daxfs_node_of(start) };
        // SAFETY: The map is zeroed but for what the function demands of a GENERIC one, type and
        // range, and for operations, which live for ever; owner and altmap are optional. The
        // function itself initialises reference count and completion. By the invariants of a claim
        // the range, aligned to granules of it, is aligned to the unit in which struct pages are
        // added, lies where they can be, holds no System RAM, and is claimed by nothing else, so
        // that no driver that claims has a page map for it. For drivers that do not claim the
        // function looks as was done above, and warns. The map stays at its address, on the heap,
        // until it is given back.
        let made = from_err_ptr(unsafe { raw::memremap_pages(map.as_ptr(), node) });
        made.map_err(Refusal::Pages)?;
        // INVARIANT: The function succeeded.
        let chunk = Chunk { kernel_map: ManuallyDrop::new(map), first, pages };
        chunk.clear_reserved(Pfn(start >> PAGE_SHIFT));
        Ok(chunk)
    }
}

/// Returns the size of a granule of a range of `pages` pages.
fn granule_order(pages: u64) -> u32 {
    let order = pages.div_ceil(MAX_GRANULES).next_power_of_two().trailing_zeros();
    order.max(GRANULE_ORDER)
}

/// Returns true if a device has struct pages for the page at `address`.
///
/// A claim excludes only drivers that claim too. Others may already have a page map here, and
/// `memremap_pages()` warns on overlap.
pub(super) fn has_page_map(address: u64) -> bool {
    // SAFETY: The function looks a number up in a table of the kernel's, whatever it is.
    let map = unsafe { raw::get_dev_pagemap(to_usize(address >> PAGE_SHIFT)) };
    if map.is_null() {
        return false;
    }
    // SAFETY: The function above took a reference, which this puts.
    unsafe { raw::daxfs_pagemap_put(map, 1) };
    true
}
