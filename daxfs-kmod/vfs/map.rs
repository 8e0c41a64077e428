// SPDX-License-Identifier: GPL-2.0-only
//! Mappings of files whose pages lie in the image: they show the memory itself.
//!
//! The pages have struct pages of ours ([`crate::sys::pages`]), so a mapping needs no special flags:
//! what works on other files works here. Since many inodes may share an extent, `folio->mapping` stays
//! null, and a shared futex in such a page is refused by the kernel.
//!
//! What is mapped depends on the extent around the fault: a file with one extent has the same
//! everywhere, a sparse file several, and holes between them. A fault in a hole is left to the page
//! cache, as is one behind the end, where there is nothing.
//!
//! # Locking
//! 1. `mmap_lock`, or the lock of the area.
//! 2. The mapping's `invalidate_lock`. Two faults of one area may come at the same time, one that
//!    inserts a 2 MiB entry and one that inserts pages below the same entry: a huge entry is inserted
//!    under the write lock, pages under the read lock and only while the entry is not huge.
//! 3. The lock of the folio, [`PageMap::keep_folio`](crate::sys::pages::PageMap::keep_folio). Files
//!    share extents, so faults of other inodes may take references to pages of which one is about to
//!    make a huge folio.
//! 4. [`MARKS`](crate::poison::MARKS), while pages become a folio.

use daxfs_format::image::Segment;
use kernel::error::code;
use kernel::ffi::{c_int, c_uint, c_ulong};
use kernel::prelude::*;

use crate::errno;
use crate::inode;
use crate::num::{to_u64, to_usize};
use crate::region::Region;
use crate::sys::lock::{ReadGuard, WriteGuard};
use crate::sys::page::{Page, HUGE_ORDER, HUGE_PAGES, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::{raw, Table};

/// Operations of an area of a file with one extent.
pub(crate) static DIRECT: Table<raw::vm_operations_struct> = operations(map_nothing);

/// Operations of an area of a sparse file: what the page cache has of its holes is mapped together.
pub(crate) static SPARSE: Table<raw::vm_operations_struct> = operations(raw::filemap_map_pages);

type MapPages =
    unsafe extern "C" fn(*mut raw::vm_fault, c_ulong, c_ulong) -> raw::vm_fault_t;

const fn operations(map_pages: MapPages) -> Table<raw::vm_operations_struct> {
    Table(raw::vm_operations_struct {
        fault: Some(fault),
        huge_fault: Some(huge_fault),
        map_pages: Some(map_pages),
        ..pin_init::zeroed()
    })
}

/// How many pages one fault maps, aligned to that many.
const FAULT_AROUND: u64 = 16;

const SIGBUS: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_SIGBUS;
const FALLBACK: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_FALLBACK;
const NOPAGE: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_NOPAGE;
const HWPOISON: raw::vm_fault_t = raw::vm_fault_reason_VM_FAULT_HWPOISON;
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
    match unsafe { Fault::new(vmf) } {
        Ok(Some(fault)) => fault.map_small(),
        // SAFETY: As above; the file has a mapping with `read_folio`, and we hold no lock.
        Ok(None) => unsafe { raw::filemap_fault(vmf) },
        Err(_) => SIGBUS,
    }
}

unsafe extern "C" fn huge_fault(vmf: *mut raw::vm_fault, order: c_uint) -> raw::vm_fault_t {
    if order != HUGE_ORDER {
        return FALLBACK;
    }
    // SAFETY: The fault is valid during the call, and in an area of a file of ours.
    match unsafe { Fault::new(vmf) } {
        Ok(Some(fault)) => fault.map_huge(),
        _ => FALLBACK,
    }
}

/// A fault at a page of a file that lies in the image.
struct Fault<'a> {
    vmf: *mut raw::vm_fault,
    vma: *mut raw::vm_area_struct,
    region: &'a Region,
    /// The address that was touched, as a number of pages.
    address: u64,
    /// Where its page lies in the image, in bytes.
    offset: u64,
    /// How many pages of the extent come before it.
    before: u64,
    /// How many pages the extent has from it on.
    after: u64,
}

impl<'a> Fault<'a> {
    /// The fault, or `None` where the file has no page in the image.
    ///
    /// # Safety
    /// `vmf` is a valid fault for `'a`, in an area of a regular file of this file system.
    #[inline]
    unsafe fn new(vmf: *mut raw::vm_fault) -> Result<Option<Self>> {
        // SAFETY: The fault is valid.
        let place = unsafe { &(*vmf).__bindgen_anon_1 };
        // SAFETY: The area is locked.
        let file = unsafe { (*place.vma).vm_file };
        // SAFETY: The area holds its file.
        let inode = unsafe { (*file).f_inode };
        // SAFETY: The file is ours, since an overlay puts it in the place of its own, and so is the inode,
        // which lives as long.
        let (mounted, stored) = unsafe { inode::parts(inode) }?;
        // Files end long before this could overflow.
        let at = to_u64(place.pgoff) << PAGE_SHIFT;
        let segment = mounted.image().segment(stored.data()?, stored.size, at);
        let Some(Segment { start, end, data: Some(offset) }) = segment.map_err(errno::reported(mounted.image()))?
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            vmf,
            vma: place.vma,
            region: mounted.image().memory(),
            address: to_u64(place.address) >> PAGE_SHIFT,
            offset,
            before: (at - start) >> PAGE_SHIFT,
            after: (end - at).div_ceil(PAGE_SIZE),
        }))
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
        let was_read = unsafe { (*self.vmf).flags } & raw::fault_flag_FAULT_FLAG_ORIG_PTE_VALID != 0;
        // SAFETY: As above; the core has read the entry.
        was_read && !unsafe { raw::daxfs_fault_entry_is_none(self.vmf) }
    }

    fn map_small(&self) -> raw::vm_fault_t {
        let Some(page) = self.region.page(self.offset) else { return SIGBUS };
        if self.is_private_write() || self.has_entry() {
            let _folio = self.region.keep_folio(self.offset);
            // The core copies the page, and then puts our reference; or it maps the page in place of
            // a marker, which the functions below would leave there, and fault again for ever.
            page.get();
            // SAFETY: The fault is valid, and wants a page.
            unsafe { (*self.vmf).page = page.as_ptr() };
            return 0;
        }
        let _lock = self.mapping_read();
        let _folio = self.region.keep_folio(self.offset);
        // SAFETY: The fault is valid; since it is not of a huge page, the core has found the upper
        // table that `pmd` points into.
        if unsafe { raw::daxfs_pmd_is_huge(self.vmf) } {
            return NOPAGE;
        }
        // A page that breaks after this is taken out of the mapping by somebody who waits for its lock.
        if self.region.is_poisoned(self.offset, 1) {
            return HWPOISON;
        }
        self.insert_with_neighbours(page)
    }

    /// Maps the page and its neighbours. It does not matter if one of these cannot be mapped.
    fn insert_with_neighbours(&self, page: Page<'_>) -> raw::vm_fault_t {
        let (back, ahead) = self.window();
        // SAFETY: The pages of the window lie in the stretch of 2 MiB of the page.
        let first = unsafe { page.sub(back) };
        let offset = self.offset - (back << PAGE_SHIFT);
        let is_whole = !self.region.is_poisoned(offset, (back + ahead) << PAGE_SHIFT);
        if is_whole {
            match self.insert(self.address - back, first, back + ahead) {
                Inserted::Present | Inserted::Refused => {}
                all => return all.outcome(),
            }
        }
        let result = self.insert(self.address, page, 1).outcome();
        if result == NOPAGE {
            self.insert_one_by_one(first, back, ahead);
        }
        result
    }

    /// Maps the pages of the window that are neither there nor broken.
    fn insert_one_by_one(&self, first: Page<'_>, back: u64, ahead: u64) {
        let (address, offset) = (self.address - back, self.offset - (back << PAGE_SHIFT));
        for index in 0..back + ahead {
            if self.region.is_poisoned(offset + (index << PAGE_SHIFT), 1) {
                continue;
            }
            // SAFETY: As where the first page comes from.
            let page = unsafe { first.add(index) };
            if self.insert(address + index, page, 1).outcome() != NOPAGE {
                return;
            }
        }
    }

    /// Inserts `count` pages from `first` on at an address, a number of pages. An entry that is there already
    /// stays, and ends it.
    ///
    /// The kernel has the function for the second half of an action of mmap, whose first half makes the area one of
    /// `VM_MIXEDMAP`. Here it is used without: for each page it calls what `vmf_insert_page_mkwrite()`
    /// calls, which fs/dax.c uses without that flag too, and which cannot tell a page table that went from
    /// one that found no memory. So it was read in Linux 7.2, and is to be read again in another kernel.
    fn insert(&self, address: u64, first: Page<'_>, count: u64) -> Inserted {
        let mut pages: [*mut raw::page; to_usize(FAULT_AROUND)] =
            core::array::from_fn(|index| first.as_ptr().wrapping_add(index));
        let mut action: raw::mmap_action = pin_init::zeroed();
        action.__bindgen_anon_1.map_kernel.start = to_usize(address << PAGE_SHIFT);
        action.__bindgen_anon_1.map_kernel.pages = pages.as_mut_ptr();
        action.__bindgen_anon_1.map_kernel.nr_pages = to_usize(count);
        // SAFETY: The function takes place and pages from the action. The pages lie in the window, hence their
        // addresses in the area and in one page table, and are as many as the array has at most. The area is
        // locked, by its own lock or `mmap_lock`, and so is its file's mapping, for which no huge entry can come
        // where a page goes. Each page has our reference at least, and belongs to a map that lives as long as
        // the mount; its folio is kept from changing.
        Inserted::of(unsafe { raw::map_kernel_pages_complete(self.vma, &mut action) })
    }

    /// How many pages before and from the fault on are mapped by it: at most [`FAULT_AROUND`], aligned
    /// in addresses and hence in one page table, in the area, in the extent, and in the 2 MiB of memory
    /// whose folio is locked.
    #[inline]
    fn window(&self) -> (u64, u64) {
        let (start, end) = self.area();
        let number = self.address % FAULT_AROUND;
        let in_folio = (self.offset >> PAGE_SHIFT) % HUGE_PAGES;
        let back = number.min(self.address - start).min(self.before).min(in_folio);
        let ahead = (FAULT_AROUND - number)
            .min(end - self.address)
            .min(self.after)
            .min(HUGE_PAGES - in_folio);
        (back, ahead)
    }

    fn map_huge(&self) -> raw::vm_fault_t {
        if self.is_private_write() {
            return FALLBACK;
        }
        let Some(offset) = self.huge_start() else { return FALLBACK };
        let _lock = self.mapping_write();
        if self.region.is_poisoned(offset, HUGE_PAGES << PAGE_SHIFT) {
            return FALLBACK;
        }
        let Some(head) = self.region.make_huge(offset) else { return FALLBACK };
        // SAFETY: The fault is valid, one of a huge page, so that `pmd` points into a table. The folio
        // has the order that the function wants, and keeps it.
        let result = unsafe { raw::vmf_insert_folio_pmd(self.vmf, head.folio(), false) };
        // Where huge entries have a table in reserve there may be no memory for one; small pages then find
        // out whether there is for theirs.
        if result & OOM != 0 { FALLBACK } else { result }
    }

    /// Where in the image the 2 MiB around the fault begin, if area and extent hold all of them.
    fn huge_start(&self) -> Option<u64> {
        let (start, end) = self.area();
        let into = self.address % HUGE_PAGES;
        let rest = HUGE_PAGES - into;
        let fits = into <= self.before
            && rest <= self.after
            && into <= self.address - start
            && rest <= end - self.address;
        fits.then(|| self.offset - (into << PAGE_SHIFT))
    }

    /// The bounds of the area, in pages.
    #[inline]
    fn area(&self) -> (u64, u64) {
        // SAFETY: The area is locked, so that its bounds do not change.
        let bounds = unsafe { &(*self.vma).__bindgen_anon_1.__bindgen_anon_1 };
        (to_u64(bounds.vm_start) >> PAGE_SHIFT, to_u64(bounds.vm_end) >> PAGE_SHIFT)
    }

    fn mapping_read(&self) -> ReadGuard<'_> {
        // SAFETY: The mapping lives as long as its file, which the area holds. A fault may sleep, and
        // holds nothing but what comes before in the order of locks.
        unsafe { ReadGuard::take(self.invalidate_lock()) }
    }

    fn mapping_write(&self) -> WriteGuard<'_> {
        // SAFETY: As above.
        unsafe { WriteGuard::take(self.invalidate_lock()) }
    }

    fn invalidate_lock(&self) -> *mut raw::rw_semaphore {
        // SAFETY: The area is locked.
        let file = unsafe { (*self.vma).vm_file };
        // SAFETY: The area has a file.
        let mapping = unsafe { (*file).f_mapping };
        // SAFETY: A file has a mapping.
        unsafe { &raw mut (*mapping).invalidate_lock }
    }
}

/// What became of pages that were to be mapped.
enum Inserted {
    /// They are mapped.
    All,
    /// One was there before; those before it are mapped.
    Present,
    /// The page table was freed as others emptied it (`MADV_DONTNEED` does): this is no lack of memory, and
    /// would leak out as a signal or an error if it were taken for one.
    TableWent,
    /// There is no memory for a page table.
    NoMemory,
    /// The kernel does not take such a page.
    Refused,
}

impl Inserted {
    /// What an error number of `map_kernel_pages_complete()` says. `EFAULT` would be an upper table that is not
    /// there, too; but the core has found that before it called.
    fn of(status: c_int) -> Self {
        match status {
            0 => Self::All,
            _ if status == code::EBUSY.to_errno() => Self::Present,
            _ if status == code::EFAULT.to_errno() => Self::TableWent,
            _ if status == code::ENOMEM.to_errno() => Self::NoMemory,
            _ => Self::Refused,
        }
    }

    /// What to tell the core of the page that was touched, if it is the only one. Lack of memory must end a fault
    /// that the kernel itself makes, for mlock(2) and its like, which would come again for ever.
    fn outcome(self) -> raw::vm_fault_t {
        match self {
            Self::All | Self::Present | Self::TableWent => NOPAGE,
            Self::NoMemory => OOM,
            Self::Refused => SIGBUS,
        }
    }
}
