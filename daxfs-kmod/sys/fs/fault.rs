// SPDX-License-Identifier: GPL-2.0-only
//! Page faults.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use kernel::error::code;
use kernel::ffi::c_int;

use super::inode::Inode;
use super::FileSystem;
use crate::sys::lock::{ReadGuard, WriteGuard};
use crate::sys::num::{to_u64, to_usize};
use crate::sys::raw;
use crate::sys::size::{HUGE_PAGES, PAGE_SHIFT};

/// Most pages that one call of [`Fault::insert`] inserts.
pub(crate) const MAX_INSERT: usize = 64;

/// The outcome of a fault at a page, for the core.
///
/// # Invariants
/// It is [`Outcome::PAGE`] only if the fault has a page: [`Fault::set_page`] alone returns that.
#[derive(PartialEq, Eq)]
#[must_use]
pub(crate) struct Outcome(raw::vm_fault_t);

impl Outcome {
    /// Returns the outcome as C takes it.
    #[inline]
    pub(super) fn bits(self) -> raw::vm_fault_t {
        self.0
    }

    /// The fault has a page, which the core maps or copies.
    const PAGE: Self = Self(0);
    /// Entries were inserted, or the fault is to be repeated.
    pub(crate) const NOPAGE: Self = Self(raw::vm_fault_reason_VM_FAULT_NOPAGE);
    /// There is no page.
    pub(crate) const SIGBUS: Self = Self(raw::vm_fault_reason_VM_FAULT_SIGBUS);
    /// The page is poisoned.
    pub(crate) const HWPOISON: Self = Self(raw::vm_fault_reason_VM_FAULT_HWPOISON);
    /// There is no memory for a page table.
    const OOM: Self = Self(raw::vm_fault_reason_VM_FAULT_OOM);
}

/// The outcome of a fault with a huge entry, for the core.
#[must_use]
pub(crate) struct HugeOutcome(raw::vm_fault_t);

impl HugeOutcome {
    /// Returns the outcome as C takes it.
    #[inline]
    pub(super) fn bits(self) -> raw::vm_fault_t {
        self.0
    }

    /// Small pages are to be mapped instead of a huge one.
    pub(crate) const FALLBACK: Self = Self(raw::vm_fault_reason_VM_FAULT_FALLBACK);
}

/// Outcome of inserting pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// All are mapped.
    All,
    /// There was an entry already; the pages before it are mapped.
    Present,
    /// Others emptied the page table, as `MADV_DONTNEED` does, and it was freed. This is not a lack
    /// of memory, and would end the process as a signal or an error if it were reported as one.
    TableWent,
    /// There is no memory for a page table.
    NoMemory,
    /// The kernel does not take such a page.
    Refused,
}

impl Inserted {
    /// Converts an error number of `map_kernel_pages_complete()`. It returns `EFAULT` for a missing
    /// upper table too; but the core has found that before it calls.
    fn of(status: c_int) -> Self {
        match status {
            0 => Self::All,
            _ if status == code::EBUSY.to_errno() => Self::Present,
            _ if status == code::EFAULT.to_errno() => Self::TableWent,
            _ if status == code::ENOMEM.to_errno() => Self::NoMemory,
            _ => Self::Refused,
        }
    }

    /// Returns the outcome of a fault at a page that was inserted alone. Lack of memory must end a
    /// fault that the kernel itself makes, as for mlock(2), which would be repeated for ever.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::All | Self::Present | Self::TableWent => Outcome::NOPAGE,
            Self::NoMemory => Outcome::OOM,
            Self::Refused => Outcome::SIGBUS,
        }
    }
}

/// A fault in an area of a file of `F`.
///
/// # Invariants
/// `vmf` is valid for `'a`; only the current task uses it. Its area is locked, by its own lock or
/// `mmap_lock`, and has a file of `F`. `pmd` points into an upper table.
pub(crate) struct Fault<'a, F> {
    vmf: *mut raw::vm_fault,
    vma: *mut raw::vm_area_struct,
    _fault: PhantomData<(&'a mut raw::vm_fault, F)>,
}

/// The `invalidate_lock` of a fault's mapping, held for reading: no huge entry is inserted.
///
/// # Invariants
/// No huge entry maps the 2 MiB of addresses around the fault.
pub(crate) struct SharedMapping<'a, F> {
    fault: &'a Fault<'a, F>,
    _guard: ReadGuard<'a>,
}

/// The `invalidate_lock` of a fault's mapping, held for writing: no entry is inserted.
pub(crate) struct ExclusiveMapping<'a, F> {
    fault: &'a Fault<'a, F>,
    _guard: WriteGuard<'a>,
}

impl<'a, F: FileSystem> Fault<'a, F> {
    /// Creates a fault from C's.
    ///
    /// # Safety
    /// `vmf` is what the invariants say.
    #[inline]
    pub(super) unsafe fn from_raw(vmf: *mut raw::vm_fault) -> Self {
        // SAFETY: By the contract of this function the fault is valid.
        let vma = unsafe { (*vmf).__bindgen_anon_1.vma };
        // INVARIANT: By the contract of this function.
        Self { vmf, vma, _fault: PhantomData }
    }

    #[inline]
    fn file(&self) -> *mut raw::file {
        // SAFETY: By the invariant the area is locked and has a file, which does not change.
        unsafe { (*self.vma).vm_file }
    }

    /// Returns the inode of the mapped file.
    #[inline]
    pub(crate) fn inode(&self) -> &'a Inode<F> {
        // SAFETY: The area holds its file, which has a count of its inode during the fault. The
        // file is one of `F`: overlayfs sets the file below it in place of its own.
        unsafe { Inode::from_raw((*self.file()).f_inode) }
    }

    /// Returns the page of the file that was touched.
    #[inline]
    pub(crate) fn page_offset(&self) -> u64 {
        // SAFETY: By the invariant the fault is valid.
        to_u64(unsafe { (*self.vmf).__bindgen_anon_1.pgoff })
    }

    /// Returns the address that was touched, as a number of pages.
    #[inline]
    pub(crate) fn address(&self) -> u64 {
        // SAFETY: By the invariant the fault is valid.
        to_u64(unsafe { (*self.vmf).__bindgen_anon_1.address }) >> PAGE_SHIFT
    }

    /// Returns the bounds of the area, as numbers of pages.
    #[inline]
    pub(crate) fn area(&self) -> (u64, u64) {
        // SAFETY: By the invariant the area is locked, so that its bounds do not change.
        let bounds = unsafe { &(*self.vma).__bindgen_anon_1.__bindgen_anon_1 };
        (to_u64(bounds.vm_start) >> PAGE_SHIFT, to_u64(bounds.vm_end) >> PAGE_SHIFT)
    }

    #[inline]
    fn has_flag(&self, flag: raw::fault_flag) -> bool {
        // SAFETY: By the invariant the fault is valid.
        unsafe { (*self.vmf).flags & flag != 0 }
    }

    /// Returns true if the page is to be replaced by a copy of the task's own, so that it can be
    /// pinned.
    pub(crate) fn unshares(&self) -> bool {
        self.has_flag(raw::fault_flag_FAULT_FLAG_UNSHARE)
    }

    /// Returns true for a write that gets a copy of the page.
    #[inline]
    pub(crate) fn is_private_write(&self) -> bool {
        self.has_flag(raw::fault_flag_FAULT_FLAG_WRITE) && !self.is_shared()
    }

    #[inline]
    fn is_shared(&self) -> bool {
        // SAFETY: By the invariant the area is locked; the function reads its flags.
        unsafe { raw::daxfs_vma_is_shared(self.vma) }
    }

    /// Returns true if writes to the area get copies of pages.
    #[inline]
    pub(crate) fn copies_writes(&self) -> bool {
        // SAFETY: By the invariant the area is locked; the function reads its flags.
        !self.is_shared() && unsafe { raw::daxfs_vma_is_writable(self.vma) }
    }

    /// Returns true if the page table holds something other than a page: a marker of userfaultfd.
    #[inline]
    pub(crate) fn has_marker(&self) -> bool {
        // SAFETY: By the invariant the fault is valid; with this flag the core has read the entry.
        self.has_flag(raw::fault_flag_FAULT_FLAG_ORIG_PTE_VALID)
            && !unsafe { raw::daxfs_fault_entry_is_none(self.vmf) }
    }

    /// Returns true if a huge entry maps the address.
    #[inline]
    fn has_huge_entry(&self) -> bool {
        // SAFETY: By the invariant `pmd` points into an upper table.
        unsafe { raw::daxfs_pmd_is_huge(self.vmf) }
    }

    /// Returns true if the area holds the 2 MiB of addresses around the fault.
    #[inline]
    fn is_area_huge(&self) -> bool {
        let (start, end) = self.area();
        let first = self.address() / HUGE_PAGES * HUGE_PAGES;
        start <= first && HUGE_PAGES <= end.saturating_sub(first)
    }

    /// Waits until no huge entry is being inserted for the file. Returns `None` if one maps the
    /// address then.
    #[inline]
    pub(crate) fn lock_mapping_shared(&self) -> Option<SharedMapping<'_, F>> {
        // SAFETY: The lock is initialised, and lives as long as the file, which the area holds. A
        // fault may sleep.
        let guard = unsafe { ReadGuard::take(self.invalidate_lock()) };
        // INVARIANT: An entry that maps the address maps the 2 MiB around it. One is inserted only
        // under the lock, held for writing.
        (!self.has_huge_entry()).then_some(SharedMapping { fault: self, _guard: guard })
    }

    /// Waits until no entry is being inserted for the file.
    pub(crate) fn lock_mapping_exclusive(&self) -> ExclusiveMapping<'_, F> {
        // SAFETY: The lock is initialised, and lives as long as the file, which the area holds. A
        // fault may sleep.
        let guard = unsafe { WriteGuard::take(self.invalidate_lock()) };
        ExclusiveMapping { fault: self, _guard: guard }
    }

    #[inline]
    fn invalidate_lock(&self) -> *mut raw::rw_semaphore {
        // SAFETY: The area holds its file; an open file has a mapping.
        unsafe { &raw mut (*(*self.file()).f_mapping).invalidate_lock }
    }

    /// Gives the fault a page. The core copies it and then puts the reference, or maps it.
    ///
    /// # Safety
    /// The page is valid; the caller took the reference for the core.
    #[inline]
    pub(crate) unsafe fn set_page(&self, page: *mut raw::page) -> Outcome {
        // SAFETY: By the invariant the fault is valid.
        unsafe { (*self.vmf).page = page };
        // INVARIANT: The fault has a page now.
        Outcome::PAGE
    }
}

impl<F: FileSystem> SharedMapping<'_, F> {
    /// Inserts `count` pages from `first` on at an address, a number of pages. An entry that is
    /// there already stays, and ends the call. Refuses addresses that lie outside the area or the
    /// 2 MiB around the fault, and more than [`MAX_INSERT`] pages.
    ///
    /// For the kernel the function is the second half of an action of mmap, whose first half makes
    /// the area one of `VM_MIXEDMAP`. Here it is used without: for each page it calls what
    /// `vmf_insert_page_mkwrite()` calls, which fs/dax.c uses without that flag too, and which
    /// cannot tell a page table that went from one that found no memory. This was read in Linux
    /// 7.2, and is to be read again in another kernel.
    ///
    /// # Safety
    /// The struct pages of `count` pages from `first` on lie side by side, are valid and have a
    /// reference each that stays; none of the pages becomes part of another folio meanwhile.
    #[inline]
    pub(crate) unsafe fn insert(
        &self,
        address: u64,
        first: *mut raw::page,
        count: u64,
    ) -> Inserted {
        if !(1..=to_u64(MAX_INSERT)).contains(&count) {
            return Inserted::Refused;
        }
        let ((start, end), table) = (self.fault.area(), self.fault.address() / HUGE_PAGES);
        let last = address.saturating_add(count - 1);
        let is_inside = start <= address && last < end;
        if !is_inside || address / HUGE_PAGES != table || last / HUGE_PAGES != table {
            return Inserted::Refused;
        }
        let mut pages = [const { MaybeUninit::<*mut raw::page>::uninit() }; MAX_INSERT];
        for (index, page) in pages.iter_mut().enumerate().take(to_usize(count)) {
            page.write(first.wrapping_add(index));
        }
        let mut action: raw::mmap_action = pin_init::zeroed();
        action.__bindgen_anon_1.map_kernel.start = to_usize(address << PAGE_SHIFT);
        action.__bindgen_anon_1.map_kernel.pages = pages.as_mut_ptr().cast();
        action.__bindgen_anon_1.map_kernel.nr_pages = to_usize(count);
        // SAFETY: The function takes address and pages from the action. The addresses lie in the
        // area and in the page table of the fault, as checked above, and the loop above has
        // written as many pages. By the invariant of the fault the area is locked. By that of the
        // lock no huge entry is where a page goes, and none comes. The pages are valid, have a
        // reference, and keep their folios, by the contract of this function.
        Inserted::of(unsafe { raw::map_kernel_pages_complete(self.fault.vma, &mut action) })
    }
}

impl<F: FileSystem> ExclusiveMapping<'_, F> {
    /// Inserts a huge entry for the 2 MiB of addresses around the fault. Refuses addresses that do
    /// not lie in the area.
    ///
    /// # Safety
    /// The folio is valid, has a reference that stays, and has the order
    /// [`HUGE_ORDER`](crate::sys::size::HUGE_ORDER) for as long.
    pub(crate) unsafe fn insert_huge(&self, folio: *mut raw::folio) -> HugeOutcome {
        if !self.fault.is_area_huge() {
            return HugeOutcome::FALLBACK;
        }
        // SAFETY: By its invariant the fault is valid, and `pmd` points into an upper table; the
        // area holds the addresses, as just checked. The folio is by the contract of this function.
        // The lock, which is the mapping's, keeps pages from being inserted below the entry.
        let bits = unsafe { raw::vmf_insert_folio_pmd(self.fault.vmf, folio, false) };
        // Where huge entries keep a table in reserve there may be no memory for it. Small pages
        // then find out if there is for theirs.
        if bits & Outcome::OOM.0 != 0 { HugeOutcome::FALLBACK } else { HugeOutcome(bits) }
    }
}
