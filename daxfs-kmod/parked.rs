// SPDX-License-Identifier: GPL-2.0-only
//! Ranges that cannot be given back yet, because somebody has a reference to one of their pages.
//!
//! A page that was mapped can be in a pipe, under direct I/O or pinned by a device when mapping and
//! mount are gone, for as long as whoever has it likes. Struct pages cannot go before that. So the
//! unmount waits a moment, then leaves the range here, and work that comes back again and again gives
//! it back when its last page is free. As long as a range is here, the module stays loaded; a mount
//! of the same range takes it over with its pages, one of a part of it is refused.

use core::mem;

use kernel::ffi::c_long;
use kernel::prelude::*;

use crate::sys::claim::{Claim, PhysicalRange, Refusal};
use crate::sys::later::{self, Later};
use crate::sys::pages::{drain_processors, wait_for_walks, Busy, PageMap};
use crate::sys::task::is_killed;
use crate::sys::{hold_module, let_module_go, raw};

/// How often an unmount looks whether the pages are free, and how long it sleeps between, in ticks:
/// a tenth of a second in all.
const ATTEMPTS: u32 = 10;
const PAUSE: c_long = raw::DAXFS_HZ / 100;

/// After how many seconds the work looks again, at first and at most.
const FIRST_LOOK: u64 = 1;
const LAST_LOOK: u64 = 60;

/// A place in the list. Places are allocated with the regions, so that parking cannot fail.
struct Place {
    /// What is parked here; nothing as long as the place is not in the list.
    pages: Option<PageMap>,
    /// The index of the page that was busy when somebody last looked.
    busy: u64,
    next: Option<KBox<Place>>,
}

/// Room for one range among the parked ones.
pub(crate) struct Room(KBox<Place>);

impl Room {
    /// Allocates room.
    pub(crate) fn new() -> Result<Self> {
        let place = Place { pages: None, busy: 0, next: None };
        Ok(Self(KBox::new(place, GFP_KERNEL)?))
    }
}

/// The parked ranges.
struct Lot {
    first: Option<KBox<Place>>,
    /// After how many seconds the work looks the next time.
    pause: u64,
}

kernel::sync::global_lock! {
    // SAFETY: `Attendant::new` initialises it, before there is a mount.
    unsafe(uninit) static LOT: Mutex<Lot> = Lot { first: None, pause: FIRST_LOOK };
}

/// Whoever looks after the parked ranges, as long as the module is loaded.
pub(crate) struct Attendant {
    _later: Later,
}

impl Attendant {
    /// Prepares for ranges to be parked.
    ///
    /// # Safety
    /// This is called once, while the module is loaded, and the value lives until it is unloaded.
    pub(crate) unsafe fn new() -> Self {
        // SAFETY: This is the only call, and nobody has used the lock.
        unsafe { LOT.init() };
        // SAFETY: By the contract of this function.
        Self { _later: unsafe { Later::prepare(look_again) } }
    }
}

/// The work.
unsafe extern "C" fn look_again(_work: *mut raw::work_struct) {
    let mut lot = LOT.lock();
    lot.give_back_idle();
    if lot.first.is_some() {
        lot.pause = lot.pause.saturating_mul(2).min(LAST_LOOK);
        // SAFETY: The attendant lives, or the work would not run.
        unsafe { later::schedule(lot.pause) };
    }
}

/// Gives a range back, now or when its last page is free. Its files are not mapped any more.
pub(crate) fn give_back(pages: PageMap, room: Room) {
    // Once is enough: there are no new entries of page tables for walks to find.
    wait_for_walks();
    let Err(busy) = pages.release(0) else { return };
    drain_processors();
    if let Err(busy) = try_again(busy) {
        park(busy, room);
    }
}

/// Waits a moment for the pages.
fn try_again(mut busy: Busy) -> Result<(), Busy> {
    for _ in 0..ATTEMPTS {
        let Err(still) = busy.pages.release(busy.page) else { return Ok(()) };
        busy = still;
        // SAFETY: This is process context, without spinlocks. It may hold a superblock's `s_umount`,
        // whose other users can wait a tenth of a second.
        unsafe { raw::schedule_timeout_killable(PAUSE) };
        if is_killed() {
            break;
        }
    }
    busy.pages.release(busy.page)
}

fn park(Busy { pages, page }: Busy, room: Room) {
    let start = pages.claim().start();
    pr_notice!("pages at phys={:#x} are in use after the unmount; they are given back later\n", start);
    let Room(mut place) = room;
    (place.pages, place.busy) = (Some(pages), page);
    hold_module();
    let mut lot = LOT.lock();
    lot.push(place);
    lot.pause = FIRST_LOOK;
    // SAFETY: The attendant lives as long as there can be regions.
    unsafe { later::schedule(FIRST_LOOK) };
}

/// Takes the parked range that begins at `start` out of the list, as it is.
///
/// [`Refusal::FormerMount`] if another parked range holds the first 2 MiB from there on.
pub(crate) fn take(start: PhysicalRange) -> Result<Option<(PageMap, Room)>, Refusal> {
    let mut lot = LOT.lock();
    lot.give_back_idle();
    let Some(place) = lot.remove(|claim| claim.start() == start.start()) else {
        return lot.refuse_overlap(start).map(|()| None);
    };
    let_module_go();
    Ok(unpark(place))
}

/// Refuses a range that overlaps a parked one.
pub(crate) fn refuse_overlap(range: PhysicalRange) -> Result<(), Refusal> {
    let mut lot = LOT.lock();
    lot.give_back_idle();
    lot.refuse_overlap(range)
}

fn unpark(mut place: KBox<Place>) -> Option<(PageMap, Room)> {
    let mut pages = place.pages.take()?;
    pages.reset_idle_folios();
    Some((pages, Room(place)))
}

impl Lot {
    fn push(&mut self, mut place: KBox<Place>) {
        place.next = self.first.take();
        self.first = Some(place);
    }

    /// Gives back what nobody uses any more.
    fn give_back_idle(&mut self) {
        let mut rest = self.first.take();
        while let Some(mut place) = rest {
            rest = place.next.take();
            let Some(pages) = place.pages.take() else { continue };
            let start = pages.claim().start();
            if let Err(Busy { pages, page }) = pages.release(place.busy) {
                (place.pages, place.busy) = (Some(pages), page);
                self.push(place);
                continue;
            }
            pr_notice!("pages at phys={:#x} are given back\n", start);
            let_module_go();
        }
    }

    /// Takes the range whose claim `is_wanted` out of the list.
    fn remove(&mut self, is_wanted: impl Fn(&Claim) -> bool) -> Option<KBox<Place>> {
        let mut found = None;
        let mut rest = mem::take(&mut self.first);
        while let Some(mut place) = rest {
            rest = place.next.take();
            if place.claim().is_some_and(&is_wanted) {
                found = Some(place);
            } else {
                self.push(place);
            }
        }
        found
    }

    fn refuse_overlap(&self, range: PhysicalRange) -> Result<(), Refusal> {
        let places = core::iter::successors(self.first.as_ref(), |place| place.next.as_ref());
        if places.filter_map(|place| place.claim()).any(|claim| claim.overlaps(range)) {
            return Err(Refusal::FormerMount);
        }
        Ok(())
    }
}

impl Place {
    fn claim(&self) -> Option<&Claim> {
        self.pages.as_ref().map(PageMap::claim)
    }
}
