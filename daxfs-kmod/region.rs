// SPDX-License-Identifier: GPL-2.0-only
//! The claimed physical range: who else may not have it, its struct pages, its kernel mapping.

use core::fmt;
use core::mem::ManuallyDrop;

use daxfs_format::{Memory, ReadFault};
use kernel::error::code;
use kernel::prelude::*;
use kernel::ffi::{c_long, c_void};

use crate::options::ALIGNMENT;
use crate::sys::copy::copy_out;
use crate::sys::lock::ReadGuard;
use crate::sys::pages::{physical_limit, Page, PageMap, Pfn, PAGE_SHIFT, PAGE_SIZE};
use crate::sys::{raw, this_module};

/// A range of physical addresses that a mount may have.
///
/// # Invariants
/// `start` is a multiple of 2 MiB; the range, rounded up to that, ends below the physical limit and
/// holds no System RAM.
#[derive(Clone, Copy)]
pub(crate) struct PhysicalRange {
    start: u64,
    length: u64,
}

/// Why a range cannot be had.
pub(crate) enum Refusal {
    Wraps,
    BeyondLimit(u64),
    SystemRam,
    Busy,
    TooCostly(u64),
    Pages(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wraps => f.write_str("ends beyond 64 bits"),
            Self::BeyondLimit(limit) => {
                write!(f, "ends beyond the highest address of this machine, {limit:#x}")
            }
            Self::SystemRam => f.write_str(
                "is RAM that the kernel uses; reserve it, for example with memmap=SIZE$ADDR at boot",
            ),
            Self::Busy => f.write_str(
                "is in use: by a driver, by another mount, or by references to pages of a former one",
            ),
            Self::TooCostly(bytes) => write!(
                f,
                "would take {bytes} bytes for struct pages, a quarter or more of the free memory"
            ),
            Self::Pages(error) => write!(f, "cannot get struct pages (error {})", error.to_errno()),
        }
    }
}

impl Refusal {
    /// The number for this refusal.
    pub(crate) fn errno(&self) -> Error {
        match self {
            Self::Wraps | Self::BeyondLimit(_) | Self::SystemRam => code::EINVAL,
            Self::Busy => code::EBUSY,
            Self::TooCostly(_) => code::ENOMEM,
            Self::Pages(error) => *error,
        }
    }
}

impl PhysicalRange {
    /// The range of `length` bytes from `start` on, which is a multiple of 2 MiB.
    pub(crate) fn new(start: u64, length: u64) -> Result<Self, Refusal> {
        let rounded = length.checked_next_multiple_of(ALIGNMENT).ok_or(Refusal::Wraps)?;
        let last = rounded.checked_sub(1).and_then(|rest| start.checked_add(rest));
        let last = last.ok_or(Refusal::Wraps)?;
        let limit = physical_limit();
        if last > limit {
            return Err(Refusal::BeyondLimit(limit));
        }
        // SAFETY: Walks the tree of resources under its lock.
        let ram = unsafe {
            raw::region_intersects(
                start,
                rounded as usize,
                raw::DAXFS_SYSTEM_RAM,
                raw::IORES_DESC_NONE as _,
            )
        };
        if ram != raw::REGION_DISJOINT as _ {
            return Err(Refusal::SystemRam);
        }
        // INVARIANT: All has been checked.
        Ok(Self { start, length })
    }

    /// The length in bytes, rounded up to 2 MiB.
    fn rounded(self) -> u64 {
        self.length.next_multiple_of(ALIGNMENT)
    }
}

/// A temporary mapping of the beginning of a range, to see what is there.
pub(crate) struct Peek {
    address: *mut c_void,
    length: u64,
}

impl Peek {
    /// Maps the first `length` bytes of `range`.
    pub(crate) fn new(range: PhysicalRange, length: u64) -> Result<Self, Refusal> {
        let length = length.min(range.length);
        // SAFETY: The range is no RAM and within the limit, so that the function neither warns nor
        // changes how RAM is mapped.
        let address = unsafe {
            raw::memremap(range.start, length as usize, raw::DAXFS_MEMREMAP_WB as _)
        };
        if address.is_null() {
            return Err(Refusal::Pages(code::ENOMEM));
        }
        Ok(Self { address, length })
    }
}

impl Memory for Peek {
    fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.length, offset, into)?;
        // SAFETY: The bytes were just checked to lie in the mapping.
        unsafe { copy_out(self.address.cast::<u8>().cast_const().add(offset as usize), into) };
        Ok(())
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
    match offset.checked_add(into.len() as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(ReadFault::of(offset, into)),
    }
}

/// A claim on a range of physical addresses, so that neither a driver nor another mount gets it.
struct Claim(PhysicalRange);

impl Claim {
    fn take(range: PhysicalRange) -> Result<Self, Refusal> {
        // SAFETY: The name is static.
        let resource = unsafe {
            raw::daxfs_request_mem_region(range.start, range.rounded(), c"daxfs".as_char_ptr())
        };
        if resource.is_null() {
            return Err(Refusal::Busy);
        }
        Ok(Self(range))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: The range was claimed by `take`.
        unsafe { raw::daxfs_release_mem_region(self.0.start, self.0.rounded()) };
    }
}

/// The length of a struct page in bytes.
const STRUCT_PAGE: u64 = size_of::<raw::page>() as u64;

/// A claimed range with struct pages.
///
/// # Invariants
/// `pages` covers the range of `claim`, which is at least `size` bytes long.
pub(crate) struct Region {
    pages: ManuallyDrop<PageMap>,
    claim: ManuallyDrop<Claim>,
    size: u64,
}

impl Region {
    /// Claims a range and makes struct pages for it.
    pub(crate) fn claim(range: PhysicalRange) -> Result<Self, Refusal> {
        let claim = Claim::take(range)?;
        // What the image says of its size decides this, and the kernel warns when it fails.
        let cost = range.rounded() / PAGE_SIZE * STRUCT_PAGE;
        // SAFETY: Reads counters.
        if cost > unsafe { raw::daxfs_available_memory() } / 4 {
            return Err(Refusal::TooCostly(cost));
        }
        let pages = PageMap::create(Pfn(range.start >> PAGE_SHIFT), range.rounded() >> PAGE_SHIFT)
            .map_err(Refusal::Pages)?;
        let (pages, claim) = (ManuallyDrop::new(pages), ManuallyDrop::new(claim));
        Ok(Self { pages, claim, size: range.length })
    }

    /// The physical address of the byte at `offset`.
    pub(crate) fn physical(&self, offset: u64) -> u64 {
        self.claim.0.start.wrapping_add(offset)
    }

    /// The page that the byte at `offset` lies in.
    #[inline]
    pub(crate) fn page(&self, offset: u64) -> Option<Page> {
        self.pages.page(offset >> PAGE_SHIFT)
    }

    /// Copies bytes to the destination of a read; returns how many were taken.
    #[inline]
    pub(crate) fn copy_to_iter(&self, offset: u64, length: usize, to: *mut raw::iov_iter) -> usize {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.size => {}
            _ => return 0,
        }
        // SAFETY: The bytes lie in the mapping, as just checked, which lives as long as `self`. The
        // caller has a valid iterator. The function only copies, so it does not matter that others
        // write the bytes.
        unsafe { raw::_copy_to_iter(self.pages.base().add(offset as usize).cast(), length, to) }
    }

    /// Keeps the folio of the page at `offset` what it is; see [`PageMap::keep_folio`].
    #[inline]
    pub(crate) fn keep_folio(&self, offset: u64) -> ReadGuard<'_> {
        self.pages.keep_folio(offset >> PAGE_SHIFT)
    }

    /// The first page of the folio of 2 MiB at `offset`, if there is or can be one; see
    /// [`PageMap::make_huge`].
    pub(crate) fn make_huge(&self, offset: u64) -> Option<Page> {
        self.pages.make_huge(offset >> PAGE_SHIFT)
    }

    /// Waits until nobody else has a reference to a page; returns whether that came to be.
    fn wait_until_idle(&self) -> bool {
        for _ in 0..RELEASE_ATTEMPTS {
            if self.pages.is_idle() {
                return true;
            }
            // SAFETY: This is process context without locks that others wait for.
            unsafe { raw::schedule_timeout_killable(RELEASE_PAUSE) };
            // SAFETY: Looks at the current task.
            if unsafe { raw::daxfs_fatal_signal_pending() } {
                break;
            }
        }
        self.pages.is_idle()
    }
}

impl Drop for Region {
    /// Gives the range back once nobody has a reference to its pages.
    ///
    /// A page that was mapped can still be in a pipe or under direct I/O when the mapping and the
    /// mount are gone. That ends soon as a rule; but a pipe keeps a page for as long as it likes. So
    /// the wait has an end: the range then stays claimed, and the module loaded, until reboot.
    fn drop(&mut self) {
        if !self.wait_until_idle() {
            pr_err!(
                "pages at {:#x} are still referenced after the unmount; the range stays claimed\n",
                self.claim.0.start
            );
            // SAFETY: This is our module, and it is in use by its caller.
            unsafe { raw::daxfs_module_get(this_module()) };
            return;
        }
        // SAFETY: This is the only place that drops the pages, and nobody uses them any more.
        unsafe { ManuallyDrop::drop(&mut self.pages) };
        // SAFETY: This is the only place that drops the claim.
        unsafe { ManuallyDrop::drop(&mut self.claim) };
    }
}

/// How often a release looks, and how long it sleeps between, in ticks: 10 seconds in all.
const RELEASE_ATTEMPTS: u32 = 1000;
const RELEASE_PAUSE: c_long = (raw::DAXFS_HZ / 100) as c_long;

impl Memory for Region {
    #[inline]
    fn size(&self) -> u64 {
        self.size
    }

    #[inline]
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        check_bounds(self.size, offset, into)?;
        // SAFETY: The bytes were just checked to lie in the mapping.
        unsafe { copy_out(self.pages.base().add(offset as usize), into) };
        Ok(())
    }
}
