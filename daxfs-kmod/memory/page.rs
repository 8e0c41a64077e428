// SPDX-License-Identifier: GPL-2.0-only
//! One page.

use core::marker::PhantomData;

use kernel::prelude::*;
use kernel::sync::GlobalGuard;

use super::failure::KernelMap;
use crate::sys::num::to_usize;
use crate::sys::raw;

kernel::sync::global_lock! {
    // SAFETY: `Service::start` initialises it, before there is a page map.
    pub(super) unsafe(uninit) static FLAGS: Mutex<()> = ();
}

/// [`FLAGS`], held. Making and undoing a folio writes all flags of its pages, without atomic
/// operations, the marks of poisoned pages among them.
pub(super) type FlagsGuard = GlobalGuard<FLAGS>;

/// The number of a page of physical memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pfn(pub(super) u64);

/// A page of a map.
///
/// # Invariants
/// The page belongs to a map that lives for `'a`, so that its struct page is valid and has the
/// reference of the map, or belongs to a folio that has it.
#[derive(Clone, Copy)]
pub(super) struct Page<'a>(*mut raw::page, PhantomData<&'a ()>);

impl Page<'_> {
    /// Returns the page with this number.
    ///
    /// # Safety
    /// It belongs to a map that lives for as long as the value is used.
    #[inline]
    pub(super) unsafe fn of(pfn: Pfn) -> Self {
        // INVARIANT: By the contract of this function.
        // SAFETY: The function computes an address from the number.
        Self(unsafe { raw::daxfs_pfn_to_page(to_usize(pfn.0)) }, PhantomData)
    }

    /// Returns the page as C takes it.
    #[inline]
    pub(super) fn as_ptr(self) -> *mut raw::page {
        self.0
    }

    /// Returns the folio that the page belongs to.
    #[inline]
    pub(super) fn folio(self) -> *mut raw::folio {
        // SAFETY: By the invariant the struct page is valid.
        unsafe { raw::daxfs_page_folio(self.0) }
    }

    /// Returns the size of the page's folio, as a power of two of pages.
    #[inline]
    pub(super) fn order(self) -> u32 {
        // SAFETY: The folio of a valid page is valid.
        unsafe { raw::daxfs_folio_order(self.folio()) }
    }

    /// Returns true if the page is the first of its folio.
    #[inline]
    pub(super) fn is_head(self) -> bool {
        self.folio().cast::<raw::page>() == self.0
    }

    /// Makes a frozen folio of this order, which begins here, pages without a count. Forgets what
    /// mlock(2) left, which would count for all pages of a larger folio.
    ///
    /// # Safety
    /// The folio belongs to `map`. Its count is zero, and stays so; nothing else writes its flags.
    pub(super) unsafe fn dissolve(self, order: u32, map: &KernelMap) {
        // SAFETY: The folio is idle, by the contract of this function.
        unsafe { self.clear_mlocked() };
        if order == 0 {
            return;
        }
        // SAFETY: By the invariant the folio is valid; it is idle, so that no page table and no
        // user knows it. What looks at pages by number is prepared for folios that change.
        unsafe { raw::dax_folio_reset_order(self.folio()) };
        // SAFETY: Making the folio took one reference to the map for each page, which this puts.
        unsafe { raw::daxfs_pagemap_put(map.as_ptr(), 1 << order) };
    }

    /// Returns the page `distance` pages further on.
    ///
    /// # Safety
    /// There is such a page, in the same aligned 2 MiB of the map.
    #[inline]
    pub(super) unsafe fn add(self, distance: u64) -> Self {
        // SAFETY: The struct pages of an aligned 2 MiB lie side by side; the page is one of them by
        // the contract of this function.
        Self(unsafe { self.0.add(to_usize(distance)) }, PhantomData)
    }

    /// Clears the mark of a page that is not to be counted. The kernel gives it to pages of devices,
    /// and VFIO never unpins pages that have it.
    pub(super) fn clear_reserved(self, _flags: &FlagsGuard) {
        // SAFETY: By the invariant the struct page is valid. Nothing else writes its flags yet, but
        // for marks of poison, which wait for the lock.
        unsafe { (*self.0).flags.f &= !raw::DAXFS_PAGE_RESERVED };
    }

    /// Takes the reference of the map away, if there is no other. Returns true if it did.
    pub(super) fn freeze(self) -> bool {
        // SAFETY: By the invariant the struct page is valid. The function leaves a count other than
        // 1.
        unsafe { raw::daxfs_page_freeze(self.0, 1) }
    }

    /// Makes the reference of the map the only one.
    ///
    /// # Safety
    /// Nothing else has a reference to the page, or can take one.
    pub(super) unsafe fn unfreeze(self) {
        // SAFETY: By the invariant the struct page is valid. By the contract of this function
        // nothing else writes its count.
        unsafe { raw::daxfs_set_page_count(self.0, 1) };
    }

    /// Takes a reference, which the core will put.
    ///
    /// # Safety
    /// The folio of the page stays what it is meanwhile, so that it has the reference of the map.
    #[inline]
    pub(super) unsafe fn get(self) {
        // SAFETY: By the invariant the struct page is valid; by the contract of this function its
        // folio has a reference, as the function demands.
        unsafe { raw::daxfs_get_page(self.0) };
    }

    /// Marks the page as poisoned.
    pub(super) fn mark_poisoned(self, _flags: &FlagsGuard) {
        // SAFETY: By the invariant the struct page is valid; the function sets the flag atomically.
        unsafe { raw::daxfs_page_set_poisoned(self.0) };
        if self.order() != 0 {
            // SAFETY: The folio is large, and stays so, since the lock is held.
            unsafe { raw::daxfs_folio_set_has_poisoned(self.folio()) };
        }
    }

    /// Returns true if the page is marked as poisoned.
    #[inline]
    pub(super) fn is_poisoned(self) -> bool {
        // SAFETY: By the invariant the struct page is valid.
        unsafe { raw::daxfs_page_is_poisoned(self.0) }
    }

    /// Returns true if only the map has a reference to the folio that begins here.
    pub(super) fn is_idle(self) -> bool {
        self.count() == 1
    }

    /// Returns the number of references that others have to the folio that begins here.
    pub(super) fn references(self) -> i32 {
        self.count().saturating_sub(1)
    }

    fn count(self) -> i32 {
        // SAFETY: By the invariant the struct page is valid.
        unsafe { raw::daxfs_page_ref_count(self.0) }
    }

    /// Clears the mark that mlock(2) leaves on the folio that begins here, and counts it as
    /// unlocked. The kernel does so when the last locked mapping goes, but not after munlock(2).
    ///
    /// # Safety
    /// The folio has no reference but that of the map, and nothing can take one.
    pub(super) unsafe fn clear_mlocked(self) {
        // SAFETY: The folio of a valid page is valid. Nothing else counts it as locked, by the
        // contract of this function.
        unsafe { raw::daxfs_folio_forget_mlocked(self.folio()) };
    }
}
