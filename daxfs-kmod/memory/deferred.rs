// SPDX-License-Identifier: GPL-2.0-only
//! Ranges whose pages are in use after the unmount.
//!
//! A page that was mapped can be in a pipe, under direct I/O or pinned by a device after mapping
//! and mount are gone, for as long as its user likes. Its struct page must stay until then. So the
//! unmount waits a moment, and then defers the release of the range to work that tries again and
//! again. A deferred range keeps the module loaded. A mount of the same range takes it over with
//! its pages; a mount of a part of it is refused.

use core::{fmt, mem};

use kernel::ffi::c_long;
use kernel::prelude::*;

use super::claim::{Claim, PhysicalRange};
use super::page::Page;
use super::pages::{drain_processors, wait_for_walks, Busy, PageMap};
use super::refusal::Refusal;
use crate::sys::deferred::{schedule, Deferred};
use crate::sys::module::ModuleReference;
use crate::sys::size::PAGE_SHIFT;
use crate::sys::task::{is_killed, sleep, HZ};

/// Number of times that an unmount looks for free pages, and the pause between, in ticks: a tenth
/// of a second in all.
const ATTEMPTS: u32 = 10;
const PAUSE: c_long = HZ / 100;

/// Pause between two attempts of the work, in seconds: the first and the longest.
const FIRST_PAUSE: u64 = 1;
const LONGEST_PAUSE: u64 = 60;

/// An element of the list. Elements are allocated with the maps, so that deferring cannot fail.
struct Entry {
    /// The range, as long as the element is in the list.
    range: Option<DeferredRange>,
    next: Option<KBox<Entry>>,
}

/// A range that is to be released.
pub(crate) struct DeferredRange {
    busy: Busy,
    _module: ModuleReference,
}

/// Memory for one element of the list.
pub(super) struct Reservation(KBox<Entry>);

impl Reservation {
    /// Allocates the memory.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(KBox::new(Entry { range: None, next: None }, GFP_KERNEL)?))
    }
}

/// The deferred ranges.
pub(super) struct Queue {
    first: Option<KBox<Entry>>,
    /// Pause before the next attempt of the work, in seconds.
    pause: u64,
}

kernel::sync::global_lock! {
    // SAFETY: `Service::start` initialises it, before there is a mount.
    pub(super) unsafe(uninit) static QUEUE: Mutex<Queue> = Queue::EMPTY;
}

/// The work that releases deferred ranges.
pub(super) struct Release;

impl Deferred for Release {
    fn run() {
        let mut queue = QUEUE.lock();
        queue.release_idle();
        if queue.first.is_some() {
            queue.pause = queue.pause.saturating_mul(2).min(LONGEST_PAUSE);
            // SAFETY: This is the work, for which its `DeferredWork` waits.
            unsafe { schedule(queue.pause) };
        }
    }
}

/// Releases a range, now or after its last page is free.
///
/// # Safety
/// No file in the range is mapped any more, or will be.
pub(super) unsafe fn release(pages: PageMap, reservation: Reservation) {
    // Once is enough: there are no new entries of page tables for walks to find.
    wait_for_walks();
    // SAFETY: The last entry went with the last mapping, by the contract of this function, before
    // the wait.
    let Err(busy) = (unsafe { pages.release(0) }) else { return };
    drain_processors();
    if let Err(busy) = release_soon(busy) {
        defer(busy, reservation);
    }
}

/// Releases a range if its pages become free within a moment.
fn release_soon(mut busy: Busy) -> Result<(), Busy> {
    for _ in 0..ATTEMPTS {
        // SAFETY: By the invariant of `Busy`.
        let Err(still) = (unsafe { busy.pages.release(busy.page) }) else { return Ok(()) };
        busy = still;
        // This may hold a superblock's `s_umount`, whose other users can wait a tenth of a second.
        sleep(PAUSE);
        if is_killed() {
            break;
        }
    }
    // SAFETY: By the invariant of `Busy`.
    unsafe { busy.pages.release(busy.page) }
}

fn defer(busy: Busy, Reservation(mut entry): Reservation) {
    let start = busy.pages.claim().start();
    pr_notice!(
        "pages at phys={:#x} are in use after the unmount; they are given back later\n",
        start
    );
    entry.range = Some(DeferredRange { busy, _module: ModuleReference::take() });
    let mut queue = QUEUE.lock();
    queue.push(entry);
    queue.pause = FIRST_PAUSE;
    // SAFETY: The service that holds the `DeferredWork` lives as long as there can be mounts.
    unsafe { schedule(FIRST_PAUSE) };
}

/// Takes the deferred range that begins where `start` does out of the list, as it is.
///
/// Returns [`Refusal::FormerMount`] if another deferred range holds any of `start`.
pub(super) fn take(start: PhysicalRange) -> Result<Option<(PageMap, Reservation)>, Refusal> {
    let mut queue = QUEUE.lock();
    queue.release_idle();
    match queue.remove(|claim| claim.start() == start.start()) {
        Some(entry) => Ok(resume(entry)),
        None => queue.refuse_overlap(start).map(|()| None),
    }
}

/// Refuses a range that overlaps a deferred one.
pub(super) fn refuse_overlap(range: PhysicalRange) -> Result<(), Refusal> {
    let mut queue = QUEUE.lock();
    queue.release_idle();
    queue.refuse_overlap(range)
}

fn resume(mut entry: KBox<Entry>) -> Option<(PageMap, Reservation)> {
    let mut pages = entry.range.take()?.busy.pages;
    // SAFETY: By the invariant of `Busy`. The next mount maps files only after this.
    unsafe { pages.reset_idle_folios() };
    Some((pages, Reservation(entry)))
}

impl Queue {
    const EMPTY: Self = Self { first: None, pause: FIRST_PAUSE };

    fn push(&mut self, mut entry: KBox<Entry>) {
        entry.next = self.first.take();
        self.first = Some(entry);
    }

    /// Releases the ranges whose pages are free.
    fn release_idle(&mut self) {
        let mut rest = self.first.take();
        while let Some(mut entry) = rest {
            rest = entry.next.take();
            let Some(range) = entry.range.take() else { continue };
            if let Err(range) = range.release() {
                entry.range = Some(range);
                self.push(entry);
            }
        }
    }

    /// Takes the range whose claim `is_wanted` out of the list.
    fn remove(&mut self, is_wanted: impl Fn(&Claim) -> bool) -> Option<KBox<Entry>> {
        let mut found = None;
        let mut rest = mem::take(&mut self.first);
        while let Some(mut entry) = rest {
            rest = entry.next.take();
            if entry.claim().is_some_and(&is_wanted) {
                found = Some(entry);
            } else {
                self.push(entry);
            }
        }
        found
    }

    /// Calls a function with each range.
    pub(super) fn visit(&self, visit: impl FnMut(&DeferredRange)) {
        self.entries().filter_map(|entry| entry.range.as_ref()).for_each(visit);
    }

    fn entries(&self) -> impl Iterator<Item = &KBox<Entry>> {
        core::iter::successors(self.first.as_ref(), |entry| entry.next.as_ref())
    }

    fn refuse_overlap(&self, range: PhysicalRange) -> Result<(), Refusal> {
        if self.entries().filter_map(|entry| entry.claim()).any(|claim| claim.overlaps(range)) {
            return Err(Refusal::FormerMount);
        }
        Ok(())
    }
}

impl Entry {
    fn claim(&self) -> Option<&Claim> {
        self.range.as_ref().map(|range| range.busy.pages.claim())
    }
}

impl DeferredRange {
    /// Releases the range, unless one of its pages is in use.
    fn release(self) -> Result<(), Self> {
        let Self { busy: Busy { pages, page }, _module } = self;
        let start = pages.claim().start();
        // SAFETY: By the invariant of `Busy`.
        match unsafe { pages.release(page) } {
            Ok(()) => {
                pr_notice!("pages at phys={:#x} are given back\n", start);
                Ok(())
            }
            Err(busy) => Err(Self { busy, _module }),
        }
    }
}

/// Prints the range, and a page that is in use.
impl fmt::Display for DeferredRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Busy { pages, page } = &self.busy;
        let (start, length) = (pages.claim().start(), pages.claim().length());
        let address = start + (page << PAGE_SHIFT);
        let references = pages.page(*page).map_or(0, Page::references);
        write!(f, "phys={start:#x} size={length:#x} page={address:#x} references={references}")
    }
}
