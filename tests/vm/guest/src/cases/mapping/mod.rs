// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mappings.
//!
//! | module | owns |
//! |---|---|
//! | [`changes`] | fork, mremap, mprotect, madvise, mlock; the resident set |
//! | [`huge`] | huge entries |
//! | [`sparse`] | sparse files |

mod changes;
mod huge;
mod sparse;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE, SIGBUS};

use super::reading::read_at;
use super::Case;
use crate::sample::{
    SampleFile, BIG_FILE, HOLED_SIZE, HUGE_FILE, ODD_FILE, PAGE, SMALL_FILE, WIDE_FILE,
};
use crate::sys::{expect_errno, faults, Child, End, Map};

pub(super) const CASES: &[Case] = &[
    ("mappings-show-the-file", show),
    ("mappings-of-packed-files", cached),
    ("mappings-of-sparse-files", sparse::sparse),
    (
        "mappings-of-sparse-files-use-the-memory",
        sparse::sparse_in_place,
    ),
    ("huge-entries-in-sparse-files", sparse::sparse_huge),
    ("private-writes-to-sparse-files", sparse::sparse_private),
    ("huge-entries", huge::huge),
    ("huge-entries-at-the-end-and-in-parts", huge::huge_parts),
    ("neighbours-of-a-fault", around),
    ("bytes-behind-the-end", tail),
    ("sigbus-behind-the-last-page", bus),
    ("private-writes-are-private", private),
    ("private-writes-below-huge-entries", huge::private_huge),
    ("shared-writes-are-refused", shared_write),
    ("fork-mremap-mprotect", changes::change),
    ("madvise-mlock-mincore", changes::advise),
    ("resident-set-is-right", changes::resident),
    ("pages-are-shared-between-processes", changes::shared_pages),
    ("huge-entries-after-small-pages", huge::huge_after_small),
    (
        "huge-entries-while-others-use-small-pages",
        huge::huge_under_load,
    ),
    ("markers-of-userfaultfd", changes::markers),
];

/// The files that are mapped in place.
const DIRECT: [SampleFile; 4] = [ODD_FILE, WIDE_FILE, BIG_FILE, HUGE_FILE];

/// Touches a byte of every page; returns how many faults that took.
fn touch_all(map: &Map) -> Result<i64> {
    let before = faults()?;
    for offset in (0..map.length()).step_by(usize::try_from(PAGE)?) {
        map.touch(offset);
    }
    Ok(faults()? - before)
}

fn show() -> Result<()> {
    for file in DIRECT {
        for flags in [MAP_SHARED, MAP_PRIVATE, MAP_PRIVATE | libc::MAP_POPULATE] {
            let whole = file.map(PROT_READ, flags)?;
            file.expect_map(&whole)
                .with_context(|| format!("{} with {flags}", file.name))?;
        }
        let part = file.map_part(PAGE..file.size, PROT_READ, MAP_SHARED)?;
        file.expect(&part.bytes()?, PAGE)
            .with_context(|| format!("a part of {}", file.name))?;
    }
    let code = BIG_FILE.map(PROT_READ | PROT_EXEC, MAP_PRIVATE)?;
    BIG_FILE.expect_map(&code)
}

fn cached() -> Result<()> {
    let small = SMALL_FILE.map(PROT_READ, MAP_SHARED)?;
    SMALL_FILE.expect_map(&small)?;
    Ok(())
}

/// If only small pages fit, one fault maps its neighbours too, but none outside the area.
fn around() -> Result<()> {
    let pages = i64::try_from(WIDE_FILE.size / PAGE)?;
    let wide = WIDE_FILE.map(PROT_READ, MAP_PRIVATE)?;
    let count = touch_all(&wide)?;
    ensure!(count <= pages / 16 + 2, "{count} faults for {pages} pages");
    println!("{pages} pages touched with {count} faults");
    let part = WIDE_FILE.map_part(3 * PAGE..5 * PAGE, PROT_READ, MAP_PRIVATE)?;
    ensure!(touch_all(&part)? <= 2, "faults for two pages");
    WIDE_FILE.expect(&part.bytes()?, 3 * PAGE)
}

/// The last page is zero behind the file's end.
fn tail() -> Result<()> {
    for file in [ODD_FILE, BIG_FILE, SMALL_FILE] {
        let SampleFile { name, size, .. } = file;
        let length = size.next_multiple_of(PAGE);
        let map = file.map_part(0..length, PROT_READ, MAP_SHARED)?;
        let end = usize::try_from(size)?;
        let rest = map.copy(end, usize::try_from(length - size)?)?;
        ensure!(
            rest.iter().all(|byte| *byte == 0),
            "{name}: bytes behind the end"
        );
        file.expect(&map.copy(end - 50, 50)?, size - 50)?;
    }
    Ok(())
}

fn bus() -> Result<()> {
    let empty = SampleFile::new("empty", 0, 0);
    let holed = SampleFile::new("holed", 26, HOLED_SIZE);
    for file in [ODD_FILE, BIG_FILE, SMALL_FILE, empty, holed] {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let end = file.size.next_multiple_of(PAGE);
            let first = usize::try_from(end)?;
            let end = Child::fork(|| {
                let map = file.map_part(0..end + 2 * PAGE, PROT_READ, flags)?;
                map.touch(first);
                Ok(())
            })?;
            let end = end.wait()?;
            ensure!(
                end == End::Signal(SIGBUS),
                "{}: behind the last page the child got {end:?}",
                file.name
            );
        }
    }
    Ok(())
}

fn private() -> Result<()> {
    for file in [ODD_FILE, WIDE_FILE, SMALL_FILE] {
        let mine = file.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let other = file.map(PROT_READ, MAP_SHARED)?;
        for offset in (0..mine.length()).step_by(usize::try_from(PAGE)?) {
            let before = mine.touch(offset);
            mine.write(offset, before.wrapping_add(1));
            ensure!(
                mine.touch(offset) == before.wrapping_add(1),
                "the write is lost"
            );
        }
        let first = other.bytes()?;
        file.expect(&first, 0)
            .context("another mapping sees the write")?;
        let fresh = read_at(&file.path(), 0, usize::try_from(file.size)?)?;
        file.expect(&fresh, 0).context("the image has changed")?;
    }
    // Written before it is ever read.
    let mine = WIDE_FILE.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    mine.write(5000, 1);
    let page = mine.copy(usize::try_from(PAGE)?, 904)?;
    WIDE_FILE.expect(&page, PAGE)
}

fn shared_write() -> Result<()> {
    for file in [ODD_FILE, SMALL_FILE] {
        let writable = file.map(PROT_READ | PROT_WRITE, MAP_SHARED);
        expect_errno("a writable shared mapping", writable, libc::EACCES)?;
        let shared = file.map(PROT_READ, MAP_SHARED)?;
        let protected = shared.protect(PROT_READ | PROT_WRITE);
        expect_errno("mprotect of a shared mapping", protected, libc::EACCES)?;
        let end = Child::fork(move || {
            shared.write(0, 1);
            Ok(())
        })?;
        ensure!(
            end.wait()? == End::Signal(libc::SIGSEGV),
            "a write to a shared mapping"
        );
    }
    Ok(())
}
