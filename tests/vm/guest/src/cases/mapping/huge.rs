// SPDX-License-Identifier: MIT OR Apache-2.0
//! Huge entries: page table entries that map 2 MiB.

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::super::extents::physical_address;
use super::touch_all;
use crate::image::{mount_image, MOUNT};
use crate::sample::{SampleFile, BIG_FILE, HUGE, HUGE_FILE, MIB, PAGE, TWIN_SIZE};
use crate::sys::{self, read_text, Child, Map};

/// The aligned stretches of 2 MiB of memory in an extent.
pub(super) fn stretches(start: u64, length: u64) -> u64 {
    ((start + length) / HUGE).saturating_sub(start.div_ceil(HUGE))
}

/// One fault maps 2 MiB where file, memory and address agree, and the kernel chooses the address
/// so.
pub(super) fn huge() -> Result<()> {
    let entries = i64::try_from(HUGE_FILE.size / HUGE)?;
    for flags in [MAP_SHARED, MAP_PRIVATE] {
        let whole = HUGE_FILE.map(PROT_READ, flags)?;
        let count = touch_all(&whole)?;
        ensure!(count <= entries + 1, "{count} faults for {entries} entries");
        HUGE_FILE.expect_map(&whole)?;
    }
    println!("8 MiB touched with {entries} faults");
    Ok(())
}

/// A file that does not end with 2 MiB, wherever it lies, and a mapping that begins within them.
pub(super) fn huge_parts() -> Result<()> {
    let SampleFile { name, size, .. } = BIG_FILE;
    let start = physical_address(name)?;
    let end = start + size.next_multiple_of(PAGE);
    let entries = (end / HUGE).saturating_sub(start.div_ceil(HUGE));
    let small = (size.div_ceil(PAGE) - entries * (HUGE / PAGE)).div_ceil(16);
    let big = BIG_FILE.map(PROT_READ, MAP_SHARED)?;
    let count = touch_all(&big)?;
    let most = i64::try_from(entries + small + 3)?;
    ensure!(
        count <= most,
        "{count} faults for {entries} huge entries and {small} windows"
    );
    println!("{entries} huge entries in 6 MiB, {count} faults");
    ensure!(entries >= 2, "only {entries} huge entries");
    BIG_FILE.expect(&big.bytes()?, 0)?;
    let part = HUGE_FILE.map_part(HUGE / 2..HUGE / 2 + 5 * MIB, PROT_READ, MAP_SHARED)?;
    touch_all(&part)?;
    HUGE_FILE.expect(&part.bytes()?, HUGE / 2)
}

pub(super) fn private_huge() -> Result<()> {
    let mine = HUGE_FILE.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    let page = usize::try_from(PAGE)?;
    touch_all(&mine)?;
    for offset in [0, 7 * page, usize::try_from(HUGE)? + 3] {
        let before = mine.touch(offset);
        mine.write(offset, before.wrapping_add(1));
    }
    let mut copy = mine.bytes()?;
    for offset in [0, 7 * page, usize::try_from(HUGE)? + 3] {
        copy[offset] = copy[offset].wrapping_sub(1);
    }
    HUGE_FILE.expect(&copy, 0)?;
    let image = HUGE_FILE.map(PROT_READ, MAP_SHARED)?;
    HUGE_FILE.expect_map(&image).context("the image")
}

const TWINS: [SampleFile; 2] = [
    SampleFile::new("twin1", 22, TWIN_SIZE),
    SampleFile::new("twin2", 22, TWIN_SIZE),
];

/// Mounts the image anew, so that no folio has been made yet. Nothing may be left of the mount
/// before.
fn mount_anew() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    let claims = read_text("/proc/iomem")?;
    ensure!(!claims.contains("daxfs"), "the range is still claimed");
    mount_image()
}

/// Maps a file where no huge entry fits.
fn map_oddly(file: SampleFile) -> Result<Map> {
    let room = Map::anonymous(file.size + 2 * HUGE)?;
    let first = physical_address(file.name)? % HUGE;
    let into = u64::try_from(room.address().addr())?.wrapping_sub(first) % HUGE;
    room.replace(HUGE - into + 5 * PAGE, &file.open()?, file.size)
}

/// The most faults that touching a whole file takes with huge entries.
fn faults_with_huge_entries(file: SampleFile) -> Result<i64> {
    let entries = stretches(physical_address(file.name)?, file.size);
    ensure!(entries >= 1, "no stretch of 2 MiB in {}", file.name);
    let small = (file.size / PAGE - entries * (HUGE / PAGE)).div_ceil(16);
    Ok(i64::try_from(entries + small + 3)?)
}

/// Files share extents. While one process has small pages of it, others get small pages, with the
/// same bytes; when they are gone, a huge entry. A page in a pipe counts as well.
pub(super) fn huge_after_small() -> Result<()> {
    mount_anew()?;
    let most = faults_with_huge_entries(TWINS[1])?;
    let odd = map_oddly(TWINS[0])?;
    let middle = usize::try_from(TWIN_SIZE / 2)?;
    odd.touch(middle);
    let meanwhile = TWINS[1].map(PROT_READ, MAP_PRIVATE)?;
    let in_use = touch_all(&meanwhile)?;
    TWINS[0].expect_map(&meanwhile)?;
    drop(meanwhile);
    let (read, write) = sys::pipe()?;
    odd.vmsplice(&write, middle, 4096)?;
    TWINS[0].expect_map(&odd)?;
    drop(odd);
    let meanwhile = TWINS[1].map(PROT_READ, MAP_SHARED)?;
    let in_pipe = touch_all(&meanwhile)?;
    drop(meanwhile);
    drop((read, write));
    let after = TWINS[1].map(PROT_READ, MAP_SHARED)?;
    let count = touch_all(&after)?;
    ensure!(count <= most, "{count} faults when all pages are idle");
    TWINS[0].expect_map(&after)?;
    let odd = map_oddly(TWINS[0])?;
    TWINS[0]
        .expect_map(&odd)
        .context("small pages of a huge folio")?;
    drop(odd);
    drop(after);
    // Where no huge entry is, a fault maps 64 pages at most: 8 faults for 2 MiB instead of one.
    let least = count + 7;
    ensure!(
        in_use >= least,
        "{in_use} faults while a page is in use, {count} later"
    );
    ensure!(
        in_pipe >= least,
        "{in_pipe} faults while a page is in a pipe, {count} later"
    );
    mount_anew()
}

/// Fails unless the first bytes of a page of a twin are right.
fn expect_in_page(map: &Map, page: usize) -> Result<()> {
    TWINS[0].expect(&map.copy(page * 4096, 64)?, u64::try_from(page)? * PAGE)
}

/// Two processes use an extent by small pages, two try to have huge entries of it, each round from
/// folios that are yet to be made. At the end every reference has been given back.
pub(super) fn huge_under_load() -> Result<()> {
    let mut made = 0;
    for round in 0..12 {
        mount_anew()?;
        let most = faults_with_huge_entries(TWINS[0])?;
        let small = |number: usize| {
            Child::fork(move || {
                for pass in 0..30_usize {
                    let odd = map_oddly(TWINS[number])?;
                    let start = (pass * 37 + number * 11 + round) % 64;
                    for page in (start..1024).step_by(67) {
                        expect_in_page(&odd, page)?;
                    }
                }
                Ok(())
            })
        };
        let huge = |number: usize| {
            Child::fork(move || {
                for _ in 0..60 {
                    let whole = TWINS[number].map(PROT_READ, MAP_PRIVATE)?;
                    for page in (number..1024).step_by(501) {
                        expect_in_page(&whole, page)?;
                    }
                }
                Ok(())
            })
        };
        for child in [small(0)?, huge(0)?, small(1)?, huge(1)?] {
            child.expect_success()?;
        }
        let after = TWINS[0].map(PROT_READ, MAP_SHARED)?;
        made += i64::from(touch_all(&after)? <= most);
        TWINS[0].expect_map(&after)?;
    }
    ensure!(made == 12, "huge entries after {made} rounds of 12");
    mount_anew()
}
