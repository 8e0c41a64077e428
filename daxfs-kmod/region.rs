// SPDX-License-Identifier: GPL-2.0-only
//! The memory that holds an image: a claimed range with struct pages, and reading from it.

use core::cell::Cell;
use core::mem::ManuallyDrop;

use daxfs_format::{Memory, ReadFault};
use kernel::error::code;
use kernel::ffi::c_void;
use kernel::prelude::*;

use crate::num::{to_u64, to_usize};
use crate::options::ALIGNMENT;
use crate::parked::{self, Room};
use crate::poison;
use crate::sys::claim::{Claim, PhysicalRange, Refusal};
use crate::sys::copy::{copy_out, copy_to_iter};
use crate::sys::lock::ReadGuard;
use crate::sys::page::{Page, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::pages::{available_memory, PageMap};
use crate::sys::raw;
use crate::sys::task::{is_killed, let_others_run};

/// The beginning of a range, claimed and mapped to see what is there.
///
/// # Invariants
/// The kernel maps `length` bytes at `address`, which are claimed.
pub(crate) struct Peek {
    address: *mut c_void,
    length: u64,
    _claim: Claim,
}

impl Peek {
    /// Claims a range and maps its first `length` bytes, or all of them.
    pub(crate) fn new(range: PhysicalRange, length: u64) -> Result<Self, Refusal> {
        parked::refuse_overlap(range)?;
        let length = length.min(range.length());
        let claim = Claim::take(range)?;
        // SAFETY: By the invariants of a claim the range is below the limit and holds no RAM, so that
        // the function neither warns nor gives out how RAM is mapped.
        let address = unsafe {
            raw::memremap(range.start(), to_usize(length), raw::DAXFS_MEMREMAP_WB)
        };
        if address.is_null() {
            return Err(Refusal::Unmappable);
        }
        // INVARIANT: The function succeeded.
        Ok(Self { address, length, _claim: claim })
    }
}

impl Memory for Peek {
    fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.length, offset, into)?;
        let from = self.address.cast::<u8>().cast_const().wrapping_add(to_usize(offset));
        // SAFETY: The bytes were just checked to lie in the mapping, which lives as long as `self`.
        unsafe { copy_out(from, into) }.map_err(|_| ReadFault::of(offset, into))
    }
}

impl Drop for Peek {
    fn drop(&mut self) {
        // SAFETY: The address came from `memremap()` and is not used any more.
        unsafe { raw::memunmap(self.address) };
    }
}

/// `Ok` if `into.len()` bytes from `offset` on lie in `size` bytes.
#[inline]
fn check_bounds(size: u64, offset: u64, into: &[u8]) -> Result<(), ReadFault> {
    match offset.checked_add(to_u64(into.len())) {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadFault::of(offset, into)),
    }
}

/// The length of a struct page in bytes.
const STRUCT_PAGE: u64 = to_u64(size_of::<raw::page>());

/// A claimed range with struct pages.
///
/// # Invariants
/// The range of `pages` is at least `size` bytes long.
pub(crate) struct Region {
    pages: ManuallyDrop<PageMap>,
    room: ManuallyDrop<Room>,
    size: u64,
}

impl Region {
    /// Claims a range and makes struct pages for it.
    pub(crate) fn claim(range: PhysicalRange) -> Result<Self, Refusal> {
        parked::refuse_overlap(range)?;
        // What the image says of its size decides this, and the kernel warns when it fails.
        let cost = range.rounded() / PAGE_SIZE * STRUCT_PAGE;
        if cost > available_memory() / 4 {
            return Err(Refusal::TooCostly(cost));
        }
        let room = Room::new().map_err(Refusal::Pages)?;
        let pages = PageMap::create(Claim::take(range)?)?;
        // INVARIANT: A claim is as long as its range, or longer.
        Ok(Self::new(pages, room, range.length()))
    }

    /// What a former mount at the start of `range` left, if its pages are still in use.
    pub(crate) fn of_former_mount(range: PhysicalRange) -> Result<Option<Self>, Refusal> {
        let former = parked::take(range)?;
        // INVARIANT: The size is that of the range.
        Ok(former.map(|(pages, room)| {
            let size = pages.claim().length();
            Self::new(pages, room, size)
        }))
    }

    fn new(pages: PageMap, room: Room, size: u64) -> Self {
        Self { pages: ManuallyDrop::new(pages), room: ManuallyDrop::new(room), size }
    }

    /// The region for an image of this length, if its range is the one that such an image needs.
    pub(crate) fn for_length(mut self, length: u64) -> Result<Self, Refusal> {
        if length.checked_next_multiple_of(ALIGNMENT) != Some(self.pages.claim().length()) {
            return Err(Refusal::FormerMount);
        }
        // INVARIANT: The range is as long as the length, rounded up.
        self.size = length;
        Ok(self)
    }

    /// The physical address of the byte at `offset`.
    pub(crate) fn physical(&self, offset: u64) -> u64 {
        self.pages.claim().start().wrapping_add(offset)
    }

    /// The map as C takes it.
    pub(crate) fn page_map(&self) -> *mut raw::dev_pagemap {
        self.pages.as_ptr()
    }

    /// Whether one of the pages that `length` bytes from `offset` on lie in was reported as broken.
    #[inline]
    pub(crate) fn is_poisoned(&self, offset: u64, length: u64) -> bool {
        let end = offset.saturating_add(length).div_ceil(PAGE_SIZE);
        let pages = (offset >> PAGE_SHIFT..end).filter_map(|index| self.pages.page(index));
        poison::seen() && poison::any_marked(pages)
    }

    /// How many of `length` bytes from `offset` on can be read before one that lies in a broken page.
    #[cold]
    fn sound(&self, offset: u64, length: usize) -> usize {
        let end = offset.saturating_add(to_u64(length));
        let broken = (offset >> PAGE_SHIFT..end.div_ceil(PAGE_SIZE))
            .find(|&index| self.pages.page(index).is_some_and(Page::is_poisoned));
        match broken {
            Some(index) => to_usize((index << PAGE_SHIFT).saturating_sub(offset)),
            None => length,
        }
    }

    /// The page that the byte at `offset` lies in.
    #[inline]
    pub(crate) fn page(&self, offset: u64) -> Option<Page<'_>> {
        self.pages.page(offset >> PAGE_SHIFT)
    }

    /// Copies bytes to the destination of a read; returns how many were taken. There are fewer where
    /// the destination faults, and where the memory fails.
    ///
    /// # Safety
    /// `to` is a valid iterator.
    #[inline]
    pub(crate) unsafe fn copy_to_iter(
        &self,
        offset: u64,
        length: usize,
        to: *mut raw::iov_iter,
    ) -> usize {
        match offset.checked_add(to_u64(length)) {
            Some(end) if end <= self.size => {}
            _ => return 0,
        }
        let length = if poison::seen() { self.sound(offset, length) } else { length };
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`. The
        // iterator is valid, by the contract of this function.
        unsafe { copy_to_iter(self.address(offset), length, to) }
    }

    /// Where the kernel maps the byte at `offset`.
    #[inline]
    fn address(&self, offset: u64) -> *const u8 {
        self.pages.base().wrapping_add(to_usize(offset))
    }

    /// Keeps the folio of the page at `offset` what it is; see [`PageMap::keep_folio`].
    #[inline]
    pub(crate) fn keep_folio(&self, offset: u64) -> ReadGuard<'_> {
        self.pages.keep_folio(offset >> PAGE_SHIFT)
    }

    /// The first page of the folio of 2 MiB at `offset`, if there is or can be one; see
    /// [`PageMap::make_huge`].
    pub(crate) fn make_huge(&self, offset: u64) -> Option<Page<'_>> {
        self.pages.make_huge(offset >> PAGE_SHIFT)
    }
}

impl Drop for Region {
    /// Gives the range back, now or when nobody has a reference to its pages any more.
    fn drop(&mut self) {
        // SAFETY: Nothing uses the field after this.
        let pages = unsafe { ManuallyDrop::take(&mut self.pages) };
        // SAFETY: As above.
        let room = unsafe { ManuallyDrop::take(&mut self.room) };
        parked::give_back(pages, room);
    }
}

impl Memory for Region {
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
        // SAFETY: The bytes were just checked to lie in the mapping, which lives as long as `self`.
        unsafe { copy_out(self.address(offset), into) }.map_err(|_| ReadFault::of(offset, into))
    }
}

/// A region as checks read it, which can take long: they let others run, and end when the task is
/// killed.
pub(crate) struct Patient<'a> {
    region: &'a Region,
    /// How many bytes were read since others could last run.
    read: Cell<u64>,
}

/// After how many bytes others may run.
const STRIDE: u64 = 1 << 20;

impl<'a> Patient<'a> {
    pub(crate) fn new(region: &'a Region) -> Self {
        Self { region, read: Cell::new(0) }
    }
}

impl Memory for Patient<'_> {
    fn size(&self) -> u64 {
        self.region.size()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let read = self.read.get().saturating_add(to_u64(into.len()));
        self.read.set(read % STRIDE);
        if read >= STRIDE {
            // Checks are made in process context, without spinlocks.
            let_others_run();
            if is_killed() {
                return Err(ReadFault::of(offset, into));
            }
        }
        self.region.read(offset, into)
    }
}

/// Why a check could not read: because it was killed, or else because the memory fails.
pub(crate) fn read_failure() -> Error {
    if is_killed() {
        code::EINTR
    } else {
        code::EIO
    }
}
