// SPDX-License-Identifier: GPL-2.0-only
//! A range of physical addresses as a backing.

use core::mem::ManuallyDrop;

use daxfs_format::{Memory, ReadFault};
use kernel::prelude::*;
use kernel::sync::Arc;

use super::chunks::STRUCT_PAGE;
use super::claim::{Claim, PhysicalRange};
use super::deferred::{self, Reservation};
use super::failure::FailureHandler;
use super::marks;
use super::page::Page;
use super::pages::PageMap;
use super::peek::check_bounds;
use super::refusal::Refusal;
use crate::sys::copy::{copy_out, copy_to_iter};
use crate::sys::iter::Iter;
use crate::sys::num::{to_u64, to_usize};
use crate::sys::size::{HUGE_SIZE, PAGE_SHIFT, PAGE_SIZE};

/// A claimed range, with struct pages where files were opened.
///
/// # Invariants
/// The range of `pages` is at least `size` bytes long.
pub(crate) struct ClaimedRange {
    pages: ManuallyDrop<PageMap>,
    reservation: ManuallyDrop<Reservation>,
    size: u64,
}

impl ClaimedRange {
    /// Claims a range and maps it.
    pub(crate) fn claim(range: PhysicalRange) -> Result<Self, Refusal> {
        deferred::refuse_overlap(range)?;
        let reservation = Reservation::new().map_err(Refusal::Pages)?;
        let pages = PageMap::create(Claim::take(range)?)?;
        // INVARIANT: A claim is as long as its range, or longer.
        Ok(Self::new(pages, reservation, range.length()))
    }

    /// Takes over the range of a former mount at the start of `range`, if its pages are still in
    /// use.
    pub(crate) fn of_former_mount(range: PhysicalRange) -> Result<Option<Self>, Refusal> {
        let former = deferred::take(range)?;
        // INVARIANT: The size is that of the range.
        Ok(former.map(|(pages, reservation)| {
            let size = pages.claim().length();
            Self::new(pages, reservation, size)
        }))
    }

    fn new(pages: PageMap, reservation: Reservation, size: u64) -> Self {
        let (pages, reservation) = (ManuallyDrop::new(pages), ManuallyDrop::new(reservation));
        Self { pages, reservation, size }
    }

    /// Returns the range for an image of this length, if it is the range that such an image needs.
    pub(crate) fn for_length(mut self, length: u64) -> Result<Self, Refusal> {
        if length.checked_next_multiple_of(HUGE_SIZE) != Some(self.pages.claim().length()) {
            return Err(Refusal::FormerMount);
        }
        // INVARIANT: The range is as long as the length, rounded up.
        self.size = length;
        Ok(self)
    }

    /// Returns the physical address of the first byte.
    pub(super) fn start(&self) -> u64 {
        self.pages.claim().start()
    }

    /// Sets the handler of failures.
    pub(super) fn set_failure_handler(&self, handler: Arc<dyn FailureHandler>) {
        self.pages.set_handler(handler);
    }

    /// Makes struct pages for `length` bytes from `offset` on, as far as they do not exist.
    pub(super) fn make_pages(&self, offset: u64, length: u64) -> Result<(), Refusal> {
        let end = offset.saturating_add(length).div_ceil(PAGE_SIZE);
        self.pages.make_pages(offset >> PAGE_SHIFT, end)
    }

    /// Returns true if the kernel maps the range write-back.
    pub(super) fn is_cached(&self) -> bool {
        self.pages.is_cached()
    }

    /// Returns the map of the pages.
    #[inline]
    pub(super) fn pages(&self) -> &PageMap {
        &self.pages
    }

    /// Returns true if one of the pages that `length` bytes from `offset` on lie in is poisoned.
    #[inline]
    pub(super) fn is_poisoned(&self, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length).div_ceil(PAGE_SIZE);
        marks::seen() && marks::any_marked(self.pages.range(offset >> PAGE_SHIFT, end))
    }

    /// Returns the size in bytes of the struct pages.
    pub(super) fn struct_page_bytes(&self) -> u64 {
        let (_, made) = self.pages.counts();
        made.saturating_mul(STRUCT_PAGE)
    }

    /// Returns the number of poisoned pages.
    pub(super) fn poisoned_pages(&self) -> u64 {
        if !marks::seen() {
            return 0;
        }
        let pages = self.pages.range(0, self.pages.counts().0);
        pages.map(|page| u64::from(page.is_poisoned())).sum()
    }

    /// Returns how many of `length` bytes from `offset` on lie before the first poisoned page.
    #[cold]
    fn sound(&self, offset: u64, length: usize) -> usize {
        let end = offset.saturating_add(to_u64(length));
        let poisoned = (offset >> PAGE_SHIFT..end.div_ceil(PAGE_SIZE))
            .find(|&index| self.pages.page(index).is_some_and(Page::is_poisoned));
        match poisoned {
            Some(index) => to_usize((index << PAGE_SHIFT).saturating_sub(offset)),
            None => length,
        }
    }

    /// Copies bytes to the destination of a read. Returns how many: fewer where the destination
    /// faults and where the memory fails.
    #[inline]
    pub(super) fn copy_to_iter(&self, offset: u64, length: usize, to: &mut Iter) -> usize {
        match offset.checked_add(to_u64(length)) {
            Some(end) if end <= self.size => {}
            _ => return 0,
        }
        let length = if marks::seen() { self.sound(offset, length) } else { length };
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`.
        unsafe { copy_to_iter(self.address(offset), length, to) }
    }

    /// Returns the address at which the kernel maps the byte at `offset`.
    #[inline]
    fn address(&self, offset: u64) -> *const u8 {
        self.pages.base().wrapping_add(to_usize(offset))
    }
}

impl Drop for ClaimedRange {
    /// Releases the range, now or after its last page is free.
    fn drop(&mut self) {
        // SAFETY: The fields are taken once: nothing uses them after the value is dropped.
        let (pages, reservation) = unsafe {
            (ManuallyDrop::take(&mut self.pages), ManuallyDrop::take(&mut self.reservation))
        };
        // SAFETY: A range is part of the state of a mount, which ends with its superblock, when no
        // inode of it has a count; an area that maps a file has one. Otherwise no mount got the
        // range, and the mappings of a former mount went before that was deferred.
        unsafe { deferred::release(pages, reservation) };
    }
}

impl Memory for ClaimedRange {
    #[inline]
    fn size(&self) -> u64 {
        self.size
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.size, offset, into)?;
        if self.is_poisoned(offset, to_u64(into.len())) {
            return Err(ReadFault::of(offset, into));
        }
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`, and
        // holds device memory only.
        unsafe { copy_out(self.address(offset), into) }.map_err(|_| ReadFault::of(offset, into))
    }
}
