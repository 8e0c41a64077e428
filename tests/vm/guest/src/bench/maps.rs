// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mapping, forking.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::Result;
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::{cost, drop_caches, walk, Figures, ROOT};
use crate::sys::{self, Map};

const LARGE: u64 = 64 << 20;
const PAGES: i64 = 16384;

pub(super) fn measure(figures: &Figures) -> Result<()> {
    touches(figures)?;
    small(figures)?;
    writes(figures)?;
    fork(figures)?;
    whole_tree(figures)
}

fn large() -> Result<File> {
    Ok(File::open(format!("{ROOT}/large"))?)
}

#[inline]
pub(super) fn touch_all(map: &Map) {
    for offset in (0..map.length()).step_by(4096) {
        map.touch(offset);
    }
}

fn touches(figures: &Figures) -> Result<()> {
    drop_caches()?;
    for (what, flags) in [("shared", MAP_SHARED), ("private", MAP_PRIVATE)] {
        let map = Map::new(&large()?, 0, LARGE, PROT_READ, flags)?;
        let before = sys::faults()?;
        let (cold, ()) = cost(|| touch_all(&map));
        let faults = sys::faults()? - before;
        figures.tell(&format!("touch 64 MiB {what}, per page"), cold / PAGES);
        figures.tell(&format!("touch 64 MiB {what}, faults"), faults);
        let (gone, ()) = cost(|| drop(map));
        figures.tell(&format!("unmap 64 MiB {what}, per page"), gone / PAGES);
    }
    Ok(())
}

/// Maps a file, and touches its first page.
pub(super) fn map_first() -> Result<()> {
    let map = Map::new(&large()?, 0, LARGE, PROT_READ, MAP_PRIVATE)?;
    map.touch(0);
    Ok(())
}

/// Small pages of a file that was not mapped before but for its first 2 MiB, and once more.
pub(super) fn small_alone(figures: &Figures) -> Result<()> {
    small_pages(figures, " never mapped huge, first")?;
    small_pages(figures, " never mapped huge")
}

/// Small pages of a file whose huge pages were mapped.
fn small(figures: &Figures) -> Result<()> {
    small_pages(figures, "")
}

/// At an address where no huge entry fits.
fn small_pages(figures: &Figures, what: &str) -> Result<()> {
    let room = Map::anonymous(LARGE + (4 << 20))?;
    let start = (room.address().addr() + (2 << 20)) / (2 << 20) * (2 << 20) + 4096 * 5;
    let file = large()?;
    // SAFETY: The range lies in `room`, which nothing uses.
    let mapped = unsafe {
        libc::mmap(
            std::ptr::with_exposed_provenance_mut(start),
            usize::try_from(LARGE)?,
            PROT_READ,
            MAP_PRIVATE | libc::MAP_FIXED,
            file.as_raw_fd(),
            0,
        )
    };
    anyhow::ensure!(mapped != libc::MAP_FAILED, "cannot map at an odd address");
    let offset = start - room.address().addr();
    let before = sys::faults()?;
    let (touched, ()) = cost(|| {
        for page in 0..usize::try_from(PAGES).unwrap_or(0) {
            room.touch(offset + page * 4096);
        }
    });
    figures.tell(
        &format!("touch 64 MiB by small pages{what}, per page"),
        touched / PAGES,
    );
    figures.tell(
        &format!("touch 64 MiB by small pages{what}, faults"),
        sys::faults()? - before,
    );
    let (gone, ()) = cost(|| drop(room));
    figures.tell(
        &format!("unmap 64 MiB of small pages{what}, per page"),
        gone / PAGES,
    );
    Ok(())
}

fn writes(figures: &Figures) -> Result<()> {
    let map = Map::new(&large()?, 0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    let (written, ()) = cost(|| {
        for offset in (0..map.length()).step_by(4096) {
            map.write(offset, 1);
        }
    });
    figures.tell("private write, per page", written / 4096);
    Ok(())
}

fn fork(figures: &Figures) -> Result<()> {
    let map = Map::new(&large()?, 0, LARGE, PROT_READ, MAP_SHARED)?;
    touch_all(&map);
    let (forked, result) = cost(|| sys::in_child(|| Ok(())));
    result?;
    figures.tell("fork with 64 MiB mapped", forked);
    Ok(())
}

/// Every page of every file of a page or more, each file mapped once.
fn whole_tree(figures: &Figures) -> Result<()> {
    drop_caches()?;
    let (mut pages, mut spent) = (0_i64, 0_i64);
    let before = sys::faults()?;
    walk(|path, length| {
        if length >= 4096 {
            let map = Map::new(&File::open(path)?, 0, length, PROT_READ, MAP_PRIVATE)?;
            spent += cost(|| touch_all(&map)).0;
            pages += i64::try_from(length.div_ceil(4096))?;
        }
        Ok(())
    })?;
    figures.tell("touch every page of the tree, per page", spent / pages);
    figures.tell("touch every page of the tree, pages", pages);
    figures.tell(
        "touch every page of the tree, faults for 1000 pages",
        (sys::faults()? - before) * 1000 / pages,
    );
    Ok(())
}
