// SPDX-License-Identifier: GPL-2.0-only
//! Areas of memory that are mapped in place.

use core::marker::PhantomData;
use core::ops::ControlFlow;

use kernel::ffi::{c_uint, c_ulong};

use super::fault::{Fault, HugeOutcome, Outcome};
use super::FileSystem;
use crate::sys::raw;
use crate::sys::size::HUGE_ORDER;

/// Faults in mappings that show the memory itself.
pub(crate) trait MappedFiles: FileSystem {
    /// Handles a fault at a page. Continues with the page cache where the memory has no page.
    fn fault(fault: &Fault<'_, Self>) -> ControlFlow<Outcome>;

    /// Handles a fault with a huge entry.
    fn huge_fault(fault: &Fault<'_, Self>) -> HugeOutcome;
}

pub(super) struct Tables<F>(PhantomData<F>);

impl<F: MappedFiles> Tables<F> {
    /// Operations of an area that shows the memory, and the page cache where the file has holes.
    pub(super) const MEMORY: raw::vm_operations_struct = raw::vm_operations_struct {
        fault: Some(fault::<F>),
        huge_fault: Some(huge_fault::<F>),
        map_pages: Some(map_nothing),
        ..pin_init::zeroed()
    };
}

/// Maps nothing: it is called where sleeping, hence inserting, is not allowed. An area that has the
/// function is faulted in under its own lock instead of `mmap_lock`.
///
/// Pages of the page cache are not mapped here either, though holes have some: a uprobe puts pages
/// of extents there too, which are copies.
unsafe extern "C" fn map_nothing(
    _vmf: *mut raw::vm_fault,
    _first: c_ulong,
    _last: c_ulong,
) -> raw::vm_fault_t {
    0
}

unsafe extern "C" fn fault<F: MappedFiles>(vmf: *mut raw::vm_fault) -> raw::vm_fault_t {
    // SAFETY: The core passes a fault of an area of `F`, since it has this table, with the area
    // locked, and only this task uses it. It has found the upper table that `pmd` points into
    // before it looks for an entry of a page.
    let fault = unsafe { Fault::<F>::from_raw(vmf) };
    match F::fault(&fault) {
        ControlFlow::Break(outcome) => outcome.bits(),
        // SAFETY: The fault is the one that the core passed; the file has a mapping with
        // `read_folio`, and no lock is held.
        ControlFlow::Continue(()) => unsafe { raw::filemap_fault(vmf) },
    }
}

unsafe extern "C" fn huge_fault<F: MappedFiles>(
    vmf: *mut raw::vm_fault,
    order: c_uint,
) -> raw::vm_fault_t {
    if order != HUGE_ORDER {
        return HugeOutcome::FALLBACK.bits();
    }
    // SAFETY: The core passes a fault of an area of `F`, since it has this table, with the area
    // locked, and only this task uses it. For this order it has found the upper table that `pmd`
    // points into.
    let fault = unsafe { Fault::<F>::from_raw(vmf) };
    F::huge_fault(&fault).bits()
}
