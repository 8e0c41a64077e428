// SPDX-License-Identifier: MIT OR Apache-2.0
//! Page tables that many change at once.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use daxfs_test_random::Random;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use crate::klog::KernelLog;
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, WIDE_FILE};
use crate::sys::{self, Child, Map};

/// Several processes change the page tables of one file in every way at once.
pub(super) fn load() -> Result<()> {
    let children: Vec<Child> = (0..6_u64)
        .map(|seed| Child::fork(move || mangle(seed)))
        .collect::<Result<_>>()?;
    children.into_iter().try_for_each(Child::expect_success)
}

/// Returns the first page and the number of pages of a random part of an area.
pub(super) fn part_of(area: &Map, random: &mut Random) -> (usize, usize) {
    let pages = area.length() / 4096;
    let first = random.index(pages);
    (first, 1 + random.index((pages - first).min(700)))
}

/// A pseudo-random walk over what can be done with a mapping.
fn mangle(seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    for _ in 0..60 {
        let file = *random.pick(&[WIDE_FILE, BIG_FILE, HUGE_FILE]);
        let flags = *random.pick(&[MAP_SHARED, MAP_PRIVATE]);
        let mut area = file.map(PROT_READ, flags)?;
        for _ in 0..6 {
            step(&mut area, file, flags, &mut random)?;
        }
    }
    Ok(())
}

fn step(area: &mut Map, file: SampleFile, flags: i32, random: &mut Random) -> Result<()> {
    let place = usize::try_from(random.below(file.size / 2))?.min(area.length() - 1);
    let (page, pages) = part_of(area, random);
    match random.below(12) {
        0 => {
            area.touch(place);
        }
        1 => {
            let found = area.copy(place, (area.length() - place).min(10_000))?;
            file.expect(&found, u64::try_from(place)?)?;
        }
        2 => drop(area.advise(libc::MADV_DONTNEED)),
        3 => drop(area.advise(libc::MADV_COLD)),
        4 => drop(area.advise(libc::MADV_PAGEOUT)),
        5 => area.resize(usize::try_from(file.size)? / 2 + place)?,
        6 if flags == MAP_PRIVATE => {
            area.protect(PROT_READ | PROT_WRITE)?;
            let byte = area.touch(place);
            area.write(place, byte);
            area.protect(PROT_READ)?;
        }
        7 => {
            area.lock()?;
            file.expect(&area.copy(0, 5000)?, 0)?;
        }
        8 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_DONTNEED)),
        9 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_COLD)),
        10 => drop(area.advise_part(page * 4096, pages * 4096, libc::MADV_PAGEOUT)),
        _ => sys::in_child(|| file.expect(&area.copy(0, 9000)?, 0))?,
    }
    Ok(())
}

/// Advice for some pages of a huge entry splits it; the mapping still shows the file, and its pages
/// are all given back.
pub(super) fn parts() -> Result<()> {
    let length = usize::try_from(HUGE_FILE.size)?;
    for flags in [MAP_SHARED, MAP_PRIVATE] {
        for advice in [libc::MADV_COLD, libc::MADV_PAGEOUT, libc::MADV_DONTNEED] {
            for (page, pages) in [(0, 1), (37, 100), (511, 2), (512 + 5, 507), (1000, 600)] {
                let area = HUGE_FILE.map(PROT_READ, flags)?;
                area.advise(libc::MADV_HUGEPAGE)?;
                HUGE_FILE.expect(&area.copy(0, length)?, 0)?;
                area.advise_part(page * 4096, pages * 4096, advice)?;
                HUGE_FILE
                    .expect(&area.copy(0, length)?, 0)
                    .with_context(|| format!("advice {advice} for {pages} pages at {page}"))?;
            }
        }
    }
    Ok(())
}

/// Two threads fault the same area, so that huge and small entries meet.
pub(super) fn race() -> Result<()> {
    for round in 0..8_usize {
        let area = HUGE_FILE.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let (start, length) = (area.address().addr(), area.length());
        std::thread::scope(|scope| {
            for thread in 0..2_usize {
                scope.spawn(move || {
                    for offset in (thread * 4096 * 3..length).step_by(4096 * 7) {
                        let byte: *mut u8 = std::ptr::with_exposed_provenance_mut(start + offset);
                        // SAFETY: The byte lies in the mapping, which outlives the scope; pages are
                        // private, and both threads write what they read.
                        let value = unsafe { byte.read_volatile() };
                        if (offset / 4096 + round) % 11 == thread {
                            // SAFETY: The byte lies in the mapping, which outlives the scope and is
                            // writable; both threads write what they read.
                            unsafe { byte.write_volatile(value) };
                        }
                    }
                });
            }
        });
        HUGE_FILE.expect(&area.copy(0, length)?, 0)?;
    }

    Ok(())
}

/// One thread faults pages in, another takes them out, and with the last one of a page table the
/// kernel takes the table. A fault that misses it is no lack of memory, of which the kernel's log
/// would tell.
pub(super) fn empty_tables() -> Result<()> {
    const ROUNDS: usize = 20_000;
    let mut log = KernelLog::follow()?;
    let area = HUGE_FILE.map(PROT_READ, MAP_SHARED)?;
    area.advise(libc::MADV_NOHUGEPAGE)?;
    let (start, length) = (area.address().addr(), area.length());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for offset in (0..length).step_by(16 * 4096) {
                    let byte: *mut u8 = std::ptr::with_exposed_provenance_mut(start + offset);
                    // SAFETY: The byte lies in the mapping, which outlives the scope and is never
                    // written.
                    unsafe { byte.read_volatile() };
                }
            }
        });
        let result = (0..ROUNDS).try_for_each(|_| area.advise(libc::MADV_DONTNEED));
        done.store(true, Ordering::Relaxed);
        result
    })?;
    log.take()?;
    HUGE_FILE.expect(&area.copy(0, length)?, 0)
}
