// SPDX-License-Identifier: GPL-2.0-only
//! Mappings of files that lie in one page-aligned extent: they show the memory itself.
//!
//! The pages have struct pages of ours ([`crate::sys::pages`]), so a mapping needs no special flags:
//! what works on other files works here. Since many inodes may share an extent, `folio->mapping` stays
//! null, and a shared futex in such a page is refused by the kernel.
//!
//! # Locking
//! Two faults of one area may come at the same time, one that inserts a 2 MiB entry and one that
//! inserts pages below the same entry. The mapping's `invalidate_lock` keeps them apart: a huge entry
//! is inserted under the write lock, pages are inserted under the read lock and only while the entry is
//! not huge. It nests inside `mmap_lock`, or the lock of the area.

use daxfs_format::FileData;
use kernel::ffi::{c_uint, c_ulong};

use crate::inode;
use crate::mounted::Mounted;
use crate::sys::pages::{Page, HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::{raw, Table};

/// Operations of an area.
pub(crate) static OPERATIONS: Table<raw::vm_operations_struct> =
    Table(raw::vm_operations_struct {
        fault: Some(fault),
        huge_fault: Some(huge_fault),
        map_pages: Some(map_nothing),
        ..pin_init::zeroed()
    });

/// How many pages one fault maps, aligned to that many.
const FAULT_AROUND: u64 = 16;

const SIGBUS: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_SIGBUS;
const FALLBACK: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_FALLBACK;
const NOPAGE: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_NOPAGE;
const OOM: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_OOM;

/// An area with `map_pages` is faulted in under its own lock instead of `mmap_lock`. This one maps
/// nothing: it is called where sleeping, hence inserting, is not allowed.
unsafe extern "C" fn map_nothing(
    _vmf: *mut raw::vm_fault,
    _first: c_ulong,
    _last: c_ulong,
) -> raw::vm_fault_t {
    0
}

unsafe extern "C" fn fault(vmf: *mut raw::vm_fault) -> raw::vm_fault_t {
    // SAFETY: The fault is valid during the call, and in an area of a file of ours.
    unsafe { Fault::new(vmf) }.map_or(SIGBUS, |fault| fault.map_small())
}

unsafe extern "C" fn huge_fault(vmf: *mut raw::vm_fault, order: c_uint) -> raw::vm_fault_t {
    if order != HUGE_ORDER {
        return FALLBACK;
    }
    // SAFETY: The fault is valid during the call, and in an area of a file of ours.
    unsafe { Fault::new(vmf) }.map_or(FALLBACK, |fault| fault.map_huge())
}

/// A fault in an area of a file that is mapped in place.
struct Fault<'a> {
    vmf: *mut raw::vm_fault,
    vma: *mut raw::vm_area_struct,
    mounted: &'a Mounted,
    /// Where the file begins in the image, in bytes.
    offset: u64,
    /// The length of the file in pages.
    pages: u64,
    /// The page of the file that was touched.
    index: u64,
    /// The address of that page.
    address: u64,
}

impl<'a> Fault<'a> {
    /// # Safety
    /// `vmf` is a valid fault for `'a`, in an area of a regular file of this file system.
    unsafe fn new(vmf: *mut raw::vm_fault) -> Option<Self> {
        // SAFETY: The fault is valid.
        let place = unsafe { &(*vmf).__bindgen_anon_1 };
        // SAFETY: The area is locked, and has a file of ours.
        let inode = unsafe { (*(*place.vma).vm_file).f_inode };
        // SAFETY: The inode is ours.
        let (mounted, stored) = unsafe { (inode::mounted(inode).ok()?, inode::stored(inode)) };
        let FileData::Direct { offset } = *stored.data().ok()? else { return None };
        Some(Self {
            vmf,
            vma: place.vma,
            mounted,
            offset,
            pages: stored.size.div_ceil(PAGE_SIZE),
            index: place.pgoff as u64,
            address: place.address as u64,
        })
    }

    /// The page of memory that shows page `index` of the file.
    #[inline]
    fn page(&self, index: u64) -> Option<Page> {
        if index >= self.pages {
            return None;
        }
        self.mounted.image().memory().page(self.offset.checked_add(index << PAGE_SHIFT)?)
    }

    /// Whether this is a write that gets a copy of the page.
    fn is_private_write(&self) -> bool {
        // SAFETY: The fault is valid.
        let write = unsafe { (*self.vmf).flags } & raw::fault_flag_FAULT_FLAG_WRITE != 0;
        // SAFETY: The area is locked.
        write && !unsafe { raw::daxfs_vma_is_shared(self.vma) }
    }

    /// Whether there is something in the page table that is not a page: a marker of userfaultfd.
    fn has_entry(&self) -> bool {
        // SAFETY: The fault is valid.
        unsafe { raw::daxfs_fault_has_entry(self.vmf) }
    }

    fn map_small(&self) -> raw::vm_fault_t {
        let Some(page) = self.page(self.index) else { return SIGBUS };
        if self.is_private_write() || self.has_entry() {
            // The core copies the page, and then puts our reference; or it maps the page in place of
            // a marker, which the functions below would leave there, and fault again for ever.
            page.get();
            // SAFETY: The fault is valid, and wants a page.
            unsafe { (*self.vmf).page = page.as_ptr() };
            return 0;
        }
        let _lock = ReadLock::take(self.mapping());
        // SAFETY: The fault is valid.
        if unsafe { raw::daxfs_pmd_is_huge(self.vmf) } {
            return NOPAGE;
        }
        let result = retry_unless_killed(self.insert(self.index, page));
        if result == NOPAGE {
            self.map_around();
        }
        result
    }

    /// Maps the neighbours of a page that was just mapped, as far as area, file and page table go. It
    /// does not matter if one cannot be mapped.
    fn map_around(&self) {
        let (first, end) = self.window();
        for index in (first..end).filter(|&index| index != self.index) {
            let mapped = self.page(index).map(|page| self.insert(index, page));
            if mapped != Some(NOPAGE) {
                return;
            }
        }
    }

    /// The pages of the file around the fault: at most [`FAULT_AROUND`], below one entry of the upper
    /// table, in the area and in the file.
    fn window(&self) -> (u64, u64) {
        // SAFETY: The area is locked, so that its bounds do not change.
        let (start, end) = unsafe {
            let bounds = &(*self.vma).__bindgen_anon_1.__bindgen_anon_1;
            (bounds.vm_start as u64, bounds.vm_end as u64)
        };
        // The window is aligned in addresses, hence never crosses a page table.
        let number = self.address >> PAGE_SHIFT;
        let low = (number / FAULT_AROUND * FAULT_AROUND).max(start >> PAGE_SHIFT);
        let high = (number / FAULT_AROUND * FAULT_AROUND + FAULT_AROUND).min(end >> PAGE_SHIFT);
        let first = self.index.saturating_sub(number - low);
        (first, self.index.saturating_add(high - number).min(self.pages))
    }

    /// Inserts one page; an entry that is there already stays.
    fn insert(&self, index: u64, page: Page) -> raw::vm_fault_t {
        let distance = index.wrapping_sub(self.index) << PAGE_SHIFT;
        let mut at: raw::vm_fault = pin_init::zeroed();
        at.__bindgen_anon_1 = raw::vm_fault__bindgen_ty_1 {
            vma: self.vma,
            address: self.address.wrapping_add(distance) as usize,
            ..pin_init::zeroed()
        };
        // SAFETY: The area is locked; the function uses the area and the address, which it checks.
        unsafe { raw::vmf_insert_page_mkwrite(&mut at, page.as_ptr(), false) }
    }

    fn map_huge(&self) -> raw::vm_fault_t {
        if self.is_private_write() {
            return FALLBACK;
        }
        let Some(head) = self.huge_head() else { return FALLBACK };
        let _lock = WriteLock::take(self.mapping());
        // SAFETY: The fault is valid; the folio has the order that the function wants.
        let result = unsafe { raw::vmf_insert_folio_pmd(self.vmf, head.folio(), false) };
        retry_unless_killed(result)
    }

    /// The first page of the 2 MiB around the fault, if area, file and memory allow a huge entry.
    fn huge_head(&self) -> Option<Page> {
        let into = (self.address >> PAGE_SHIFT) % HUGE_PAGES;
        let first = self.index.checked_sub(into)?;
        let start = self.address & !((HUGE_PAGES << PAGE_SHIFT) - 1);
        // SAFETY: The area is locked, so that its bounds do not change.
        let bounds = unsafe { &(*self.vma).__bindgen_anon_1.__bindgen_anon_1 };
        let in_area = start >= bounds.vm_start as u64
            && start + (HUGE_PAGES << PAGE_SHIFT) <= bounds.vm_end as u64;
        let head = self.page(first).filter(|_| in_area)?;
        let last = self.page(first.checked_add(HUGE_PAGES - 1)?)?;
        let whole = head.order() == HUGE_ORDER
            && head.folio() == last.folio()
            && head.folio().cast() == head.as_ptr();
        whole.then_some(head)
    }

    fn mapping(&self) -> *mut raw::address_space {
        // SAFETY: The area is locked, and has a file.
        unsafe { (*(*self.vma).vm_file).f_mapping }
    }
}

/// Page tables are reclaimed while others fault: what looks like a lack of memory then is none, and
/// the fault is to be repeated. It would leak out as a signal otherwise.
fn retry_unless_killed(result: raw::vm_fault_t) -> raw::vm_fault_t {
    // SAFETY: Looks at the current task.
    if result & OOM != 0 && !unsafe { raw::daxfs_fatal_signal_pending() } {
        return NOPAGE;
    }
    result
}

/// A mapping's `invalidate_lock`, held for reading.
struct ReadLock(*mut raw::address_space);

impl ReadLock {
    fn take(mapping: *mut raw::address_space) -> Self {
        // SAFETY: The mapping lives as long as its file, which the area holds.
        unsafe { raw::daxfs_mapping_lock_shared(mapping) };
        Self(mapping)
    }
}

impl Drop for ReadLock {
    fn drop(&mut self) {
        // SAFETY: The lock was taken.
        unsafe { raw::daxfs_mapping_unlock_shared(self.0) };
    }
}

/// A mapping's `invalidate_lock`, held for writing.
struct WriteLock(*mut raw::address_space);

impl WriteLock {
    fn take(mapping: *mut raw::address_space) -> Self {
        // SAFETY: The mapping lives as long as its file, which the area holds.
        unsafe { raw::daxfs_mapping_lock(mapping) };
        Self(mapping)
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        // SAFETY: The lock was taken.
        unsafe { raw::daxfs_mapping_unlock(self.0) };
    }
}
