// SPDX-License-Identifier: GPL-2.0-only
//! Faults in mappings that show the memory.
//!
//! The pages have struct pages, so that a mapping needs no special flags: all works that works on
//! other files. Since many inodes may share an extent, `folio->mapping` stays null, and the kernel
//! refuses a shared futex in such a page.
//!
//! The entries that a fault makes depend on the extent around it. A file with one extent has the
//! same everywhere; a sparse file has several, and holes between them. A fault in a hole is left to
//! the page cache, as is one behind the end, where there is no page.

use core::ops::ControlFlow;

use daxfs_format::image::Segment;
use kernel::prelude::*;

use super::inode::Daxfs;
use crate::memory::backing::Backing;
use crate::memory::insert::KeptFolio;
use crate::sys::fs::area::MappedFiles;
use crate::sys::fs::fault::{Fault, HugeOutcome, Inserted, Outcome, SharedMapping, MAX_INSERT};
use crate::sys::num::to_u64;
use crate::sys::size::{HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};

/// Number of pages that one fault inserts, aligned in memory to as many: of pages that are folios
/// of their own, and of a large folio that cannot be mapped whole.
const AROUND_PAGE: u64 = 16;
const AROUND_FOLIO: u64 = 64;

const _: () = assert!(AROUND_FOLIO <= to_u64(MAX_INSERT));

/// Sizes of folios that the kernel maps whole, as powers of two of pages, the largest first. Less
/// than [`AROUND_PAGE`] would map less than inserting does.
const ORDERS: [u32; 4] = [HUGE_ORDER, 6, 5, 4];

impl MappedFiles for Daxfs {
    #[inline]
    fn fault(fault: &Fault<'_, Self>) -> ControlFlow<Outcome> {
        match ExtentFault::new(fault) {
            Ok(Some(extent)) => ControlFlow::Break(extent.map_small()),
            Ok(None) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(Outcome::SIGBUS),
        }
    }

    fn huge_fault(fault: &Fault<'_, Self>) -> HugeOutcome {
        match ExtentFault::new(fault) {
            Ok(Some(extent)) => extent.map_huge(),
            _ => HugeOutcome::FALLBACK,
        }
    }
}

/// A fault at a page that lies in an extent of the image.
struct ExtentFault<'a> {
    fault: &'a Fault<'a, Daxfs>,
    backing: &'a Backing,
    /// The address that was touched, as a number of pages.
    address: u64,
    /// Offset of its page in the image, in bytes.
    offset: u64,
    /// Number of pages of the extent before it.
    before: u64,
    /// Number of pages of the extent from it on.
    after: u64,
}

impl<'a> ExtentFault<'a> {
    /// Returns the fault in its extent, or `None` if the page does not lie in the image.
    #[inline]
    fn new(fault: &'a Fault<'a, Daxfs>) -> Result<Option<Self>> {
        let inode = fault.inode();
        let (mount, info) = (inode.mount()?, inode.info());
        // Files end long before this could overflow.
        let at = fault.page_offset() << PAGE_SHIFT;
        let segment = mount.image().segment(info.data()?, info.size, at);
        let Some(Segment { start, end, data: Some(offset) }) =
            segment.map_err(|error| mount.report(error))?
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            fault,
            backing: mount.backing(),
            address: fault.address(),
            offset,
            before: (at - start) >> PAGE_SHIFT,
            after: (end - at).div_ceil(PAGE_SIZE),
        }))
    }

    #[inline]
    fn map_small(&self) -> Outcome {
        if self.fault.is_private_write() || self.fault.has_marker() {
            // The core copies the page, and then puts our reference; or it maps the page in place
            // of a marker, which inserting would leave there, so that the fault would come again
            // for ever.
            return match self.backing.keep_folio(self.offset) {
                Some(folio) => folio.give_page(self.fault, self.offset),
                None => Outcome::SIGBUS,
            };
        }
        let Some(lock) = self.fault.lock_mapping_shared() else { return Outcome::NOPAGE };
        if let Some(outcome) = self.map_folio() {
            return outcome;
        }
        let Some(folio) = self.backing.keep_folio(self.offset) else { return Outcome::SIGBUS };
        // A page that is marked after this is unmapped by a task that waits for the mapping's lock.
        if self.backing.is_poisoned(self.offset, 1) {
            return Outcome::HWPOISON;
        }
        self.insert_with_neighbours(&lock, &folio)
    }

    /// Gives the core the page if it belongs to a large folio, or if one can be made, that extent,
    /// area and page table hold: the core maps all of it.
    ///
    /// A poisoned page may become mapped if it is marked between this and the core's own look at
    /// the mark. It is unmapped when it is hit again.
    #[inline]
    fn map_folio(&self) -> Option<Outcome> {
        if self.fault.copies_writes() || self.fault.unshares() {
            // Pages that have copies among them cannot be mapped together. A page that is to be
            // replaced by a copy needs an entry of its own: the core gives up a huge one, and
            // would get it again for ever.
            return None;
        }
        if let Some(outcome) = self.give_folio() {
            return outcome.ok();
        }
        let mut orders = ORDERS.into_iter().filter(|&order| self.fits(order));
        orders.find(|&order| self.backing.make_folio(self.start_of(order), order))?;
        self.give_folio()?.ok()
    }

    /// Gives the core the page if it belongs to a large folio that fits. Returns `None` if it does
    /// not belong to a large one, and an error if that cannot be mapped whole.
    #[inline]
    fn give_folio(&self) -> Option<core::result::Result<Outcome, ()>> {
        let folio = self.backing.keep_folio(self.offset)?;
        let order = folio.order(self.offset);
        if order == 0 {
            return None;
        }
        let is_sound = || !self.backing.is_poisoned(self.start_of(order), PAGE_SIZE << order);
        if self.fits(order) && is_sound() {
            return Some(Ok(folio.give_page(self.fault, self.offset)));
        }
        Some(Err(()))
    }

    /// Returns the offset in the image of the aligned pages of this order around the fault.
    #[inline]
    fn start_of(&self, order: u32) -> u64 {
        self.offset >> PAGE_SHIFT >> order << order << PAGE_SHIFT
    }

    /// Returns true if extent, area and page table hold the aligned pages of this order around the
    /// fault.
    #[inline]
    fn fits(&self, order: u32) -> bool {
        let size = 1 << order;
        let into = (self.offset >> PAGE_SHIFT) % size;
        let rest = size - into;
        let ((start, end), in_table) = (self.fault.area(), self.address % HUGE_PAGES);
        into <= self.before
            && rest <= self.after
            && into <= self.address - start
            && rest <= end - self.address
            && into <= in_table
            && rest <= HUGE_PAGES - in_table
    }

    /// Maps the page and its neighbours. A neighbour that cannot be mapped does not matter.
    #[inline]
    fn insert_with_neighbours(
        &self,
        lock: &SharedMapping<'_, Daxfs>,
        folio: &KeptFolio<'_>,
    ) -> Outcome {
        let (back, ahead) = self.window(folio.order(self.offset));
        let first = (self.address - back, self.offset - (back << PAGE_SHIFT));
        let is_whole = !self.backing.is_poisoned(first.1, (back + ahead) << PAGE_SHIFT);
        if is_whole {
            match folio.insert(lock, first, back + ahead) {
                Inserted::Present | Inserted::Refused => {}
                all => return all.outcome(),
            }
        }
        let outcome = folio.insert(lock, (self.address, self.offset), 1).outcome();
        if outcome == Outcome::NOPAGE {
            self.insert_one_by_one(lock, folio, first, back + ahead);
        }
        outcome
    }

    /// Maps the pages of the window that are neither mapped nor poisoned.
    #[inline]
    fn insert_one_by_one(
        &self,
        lock: &SharedMapping<'_, Daxfs>,
        folio: &KeptFolio<'_>,
        (address, offset): (u64, u64),
        count: u64,
    ) {
        for index in 0..count {
            let page = (address + index, offset + (index << PAGE_SHIFT));
            if self.backing.is_poisoned(page.1, 1) {
                continue;
            }
            if folio.insert(lock, page, 1).outcome() != Outcome::NOPAGE {
                return;
            }
        }
    }

    /// Returns the numbers of pages before and from the fault on that it inserts, in a folio of this
    /// order: at most [`AROUND_PAGE`] or [`AROUND_FOLIO`], aligned in memory and hence in the 2 MiB
    /// whose folio is kept, in one page table, in the area, and in the extent.
    #[inline]
    fn window(&self, order: u32) -> (u64, u64) {
        let size = if order == 0 { AROUND_PAGE } else { AROUND_FOLIO };
        let ((start, end), in_table) = (self.fault.area(), self.address % HUGE_PAGES);
        let into = (self.offset >> PAGE_SHIFT) % size;
        let back = into.min(self.address - start).min(self.before).min(in_table);
        let ahead = (size - into)
            .min(end - self.address)
            .min(self.after)
            .min(HUGE_PAGES - in_table);
        (back, ahead)
    }

    fn map_huge(&self) -> HugeOutcome {
        if self.fault.is_private_write() {
            return HugeOutcome::FALLBACK;
        }
        let Some(offset) = self.huge_start() else { return HugeOutcome::FALLBACK };
        let lock = self.fault.lock_mapping_exclusive();
        if self.backing.is_poisoned(offset, HUGE_PAGES << PAGE_SHIFT) {
            return HugeOutcome::FALLBACK;
        }
        self.backing.insert_huge(&lock, offset)
    }

    /// Returns the offset in the image of the 2 MiB around the fault, if area and extent hold them.
    fn huge_start(&self) -> Option<u64> {
        let (start, end) = self.fault.area();
        let into = self.address % HUGE_PAGES;
        let rest = HUGE_PAGES - into;
        let fits = into <= self.before
            && rest <= self.after
            && into <= self.address - start
            && rest <= end - self.address;
        fits.then(|| self.offset - (into << PAGE_SHIFT))
    }
}
