// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mappings.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};
use libc::{c_int, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE, SIGBUS};

use super::{at, Case};
use crate::image::{mount_image, MOUNT};
use crate::sample::{
    BIG_FILE, HOLED_PIECES, HOLED_SIZE, HUGE, HUGE_FILE, MIB, ODD_FILE, PAGE, SMALL_FILE,
    SPARSE_PIECES, SPARSE_SIZE, TWIN_SIZE, WIDE_FILE,
};
use crate::sys::read_text;
use crate::sys::{expect_errno, faults, in_child, Child, End, Map};
use crate::{meminfo, pattern, sys};

pub(super) const CASES: &[Case] = &[
    ("mappings-show-the-file", show),
    ("mappings-of-packed-files", cached),
    ("mappings-of-sparse-files", sparse),
    ("mappings-of-sparse-files-use-the-memory", sparse_in_place),
    ("huge-entries-in-sparse-files", sparse_huge),
    ("private-writes-to-sparse-files", sparse_private),
    ("huge-entries", huge),
    ("huge-entries-at-the-end-and-in-parts", huge_parts),
    ("neighbours-of-a-fault", around),
    ("bytes-behind-the-end", tail),
    ("sigbus-behind-the-last-page", bus),
    ("private-writes-are-private", private),
    ("private-writes-below-huge-entries", private_huge),
    ("shared-writes-are-refused", shared_write),
    ("fork-mremap-mprotect", change),
    ("madvise-mlock-mincore", advise),
    ("resident-set-is-right", resident),
    ("pages-are-shared-between-processes", shared_pages),
    ("huge-entries-after-small-pages", huge_after_small),
    ("huge-entries-while-others-use-small-pages", huge_under_load),
    ("markers-of-userfaultfd", markers),
];

/// The files that are mapped in place, and those that are mapped through the page cache.
const DIRECT: [(&str, u64, u64); 4] = [ODD_FILE, WIDE_FILE, BIG_FILE, HUGE_FILE];

pub(super) fn map(file: (&str, u64, u64), protection: c_int, flags: c_int) -> Result<Map> {
    Map::new(&File::open(at(file.0))?, 0, file.2, protection, flags)
}

fn expect_all(map: &Map, seed: u64, offset: u64) -> Result<()> {
    pattern::expect(&map.copy(0, map.length())?, seed, offset)
}

fn show() -> Result<()> {
    for file in DIRECT {
        for flags in [MAP_SHARED, MAP_PRIVATE, MAP_PRIVATE | libc::MAP_POPULATE] {
            let whole = map(file, PROT_READ, flags)?;
            expect_all(&whole, file.1, 0).with_context(|| format!("{} with {flags}", file.0))?;
        }
        let part = Map::new(
            &File::open(at(file.0))?,
            PAGE,
            file.2 - PAGE,
            PROT_READ,
            MAP_SHARED,
        )?;
        expect_all(&part, file.1, PAGE).with_context(|| format!("a part of {}", file.0))?;
    }
    let code = map(BIG_FILE, PROT_READ | PROT_EXEC, MAP_PRIVATE)?;
    expect_all(&code, BIG_FILE.1, 0)
}

fn cached() -> Result<()> {
    let small = map(SMALL_FILE, PROT_READ, MAP_SHARED)?;
    expect_all(&small, SMALL_FILE.1, 0)?;
    Ok(())
}

/// A sparse file: its name, the seed of its pattern, its pieces and its size.
type Sparse = (&'static str, u64, &'static [(u64, u64)], u64);

const SPARSE_FILES: [Sparse; 3] = [
    ("sparse", 23, &SPARSE_PIECES, SPARSE_SIZE),
    ("holed", 26, &HOLED_PIECES, HOLED_SIZE),
    ("hole", 25, &[], 10 * MIB),
];

/// What a mapping of the whole file shows: zeros in holes and behind the end.
fn sparse_content((_, seed, pieces, size): Sparse) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size.next_multiple_of(PAGE))?];
    for &(offset, length) in pieces {
        let piece = pattern::bytes(seed, offset, usize::try_from(length)?);
        let start = usize::try_from(offset)?;
        bytes[start..start + piece.len()].copy_from_slice(&piece);
    }
    Ok(bytes)
}

fn map_sparse(file: Sparse, protection: c_int, flags: c_int) -> Result<Map> {
    let size = file.3.next_multiple_of(PAGE);
    Map::new(&File::open(at(file.0))?, 0, size, protection, flags)
}

/// Whether a page of a sparse file has bytes in the image.
fn has_bytes(pieces: &[(u64, u64)], offset: u64) -> bool {
    pieces
        .iter()
        .any(|&(start, length)| (start..start + length).contains(&offset))
}

fn sparse() -> Result<()> {
    for file in SPARSE_FILES {
        let wanted = sparse_content(file)?;
        for flags in [MAP_SHARED, MAP_PRIVATE, MAP_PRIVATE | libc::MAP_POPULATE] {
            let whole = map_sparse(file, PROT_READ, flags)?;
            let name = file.0;
            ensure!(
                whole.copy(0, whole.length())? == wanted,
                "{name} with {flags}: another content"
            );
            ensure!(
                whole.resident()? == whole.length() / 4096,
                "{name}: a page that was read is not there"
            );
            whole.sync()?;
            whole.advise(libc::MADV_DONTNEED)?;
            ensure!(
                whole.copy(0, whole.length())? == wanted,
                "{name} with {flags}: another content when read again"
            );
        }
        // Backwards, so that each fault meets pages that are mapped already.
        let whole = map_sparse(file, PROT_READ, MAP_SHARED)?;
        for offset in (0..whole.length()).step_by(1111).rev() {
            ensure!(
                whole.touch(offset) == wanted[offset],
                "{}: another byte at {offset}",
                file.0
            );
        }
    }
    Ok(())
}

/// The page cache holds the holes that were touched, and nothing else. A mapping that nobody has
/// touched tells what is in it.
fn sparse_in_place() -> Result<()> {
    for file in SPARSE_FILES {
        fs::write("/proc/sys/vm/drop_caches", "3")?;
        let whole = map_sparse(file, PROT_READ, MAP_PRIVATE)?;
        touch_all(&whole)?;
        let cached = map_sparse(file, PROT_READ, MAP_PRIVATE)?.residents()?;
        for (offset, cached) in (0..).step_by(usize::try_from(PAGE)?).zip(cached) {
            ensure!(
                cached != has_bytes(file.2, offset),
                "{} at {offset:#x}: in the page cache: {cached}",
                file.0
            );
        }
    }
    Ok(())
}

/// The aligned stretches of 2 MiB of memory in an extent.
fn stretches(start: u64, length: u64) -> u64 {
    ((start + length) / HUGE).saturating_sub(start.div_ceil(HUGE))
}

fn sparse_huge() -> Result<()> {
    let file = SPARSE_FILES[1];
    let start = super::reading::physical_address(file.0)?;
    let length = file.2[0].1;
    let entries = stretches(start, length);
    let whole = map_sparse(file, PROT_READ, MAP_PRIVATE)?;
    let before = faults()?;
    for offset in (0..usize::try_from(length)?).step_by(usize::try_from(PAGE)?) {
        whole.touch(offset);
    }
    let count = faults()? - before;
    let small = (length / PAGE - entries * (HUGE / PAGE)).div_ceil(16);
    println!("{entries} huge entries in 5 MiB at {start:#x}, {count} faults");
    ensure!(entries >= 1, "no stretch of 2 MiB in 5 MiB");
    ensure!(
        count <= i64::try_from(entries + small + 3)?,
        "{count} faults for {entries} entries and {small} windows"
    );
    ensure!(
        whole.copy(0, whole.length())? == sparse_content(file)?,
        "another content"
    );
    Ok(())
}

/// Writes are private in holes and in extents, and the first touch may be one.
fn sparse_private() -> Result<()> {
    for file in SPARSE_FILES {
        let wanted = sparse_content(file)?;
        let mine = map_sparse(file, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let mut expected = wanted.clone();
        for offset in (0..mine.length()).step_by(3 * 4096 + 5) {
            mine.write(offset, 0xa5);
            expected[offset] = 0xa5;
        }
        ensure!(
            mine.copy(0, mine.length())? == expected,
            "{}: a write is lost",
            file.0
        );
        let other = map_sparse(file, PROT_READ, MAP_SHARED)?;
        ensure!(
            other.copy(0, other.length())? == wanted,
            "{}: another mapping sees the write",
            file.0
        );
    }
    Ok(())
}

/// Touches a byte of every page; returns how many faults that took.
fn touch_all(map: &Map) -> Result<i64> {
    let before = faults()?;
    for offset in (0..map.length()).step_by(usize::try_from(PAGE)?) {
        map.touch(offset);
    }
    Ok(faults()? - before)
}

/// One fault maps 2 MiB where file, memory and address agree, and the kernel chooses the address so.
fn huge() -> Result<()> {
    let entries = i64::try_from(HUGE_FILE.2 / HUGE)?;
    for flags in [MAP_SHARED, MAP_PRIVATE] {
        let whole = map(HUGE_FILE, PROT_READ, flags)?;
        let count = touch_all(&whole)?;
        ensure!(count <= entries + 1, "{count} faults for {entries} entries");
        expect_all(&whole, HUGE_FILE.1, 0)?;
    }
    println!("8 MiB touched with {entries} faults");
    Ok(())
}

/// A file that does not end with 2 MiB, wherever it lies, and a mapping that begins within them.
fn huge_parts() -> Result<()> {
    let (name, seed, size) = BIG_FILE;
    let start = super::reading::physical_address(name)?;
    let end = start + size.next_multiple_of(PAGE);
    let entries = (end / HUGE).saturating_sub(start.div_ceil(HUGE));
    let small = (size.div_ceil(PAGE) - entries * (HUGE / PAGE)).div_ceil(16);
    let big = map(BIG_FILE, PROT_READ, MAP_SHARED)?;
    let count = touch_all(&big)?;
    let most = i64::try_from(entries + small + 3)?;
    ensure!(
        count <= most,
        "{count} faults for {entries} huge entries and {small} windows"
    );
    println!("{entries} huge entries in 6 MiB, {count} faults");
    ensure!(entries >= 2, "only {entries} huge entries");
    expect_all(&big, seed, 0)?;
    let part = Map::new(
        &File::open(at(HUGE_FILE.0))?,
        HUGE / 2,
        5 * MIB,
        PROT_READ,
        MAP_SHARED,
    )?;
    touch_all(&part)?;
    expect_all(&part, HUGE_FILE.1, HUGE / 2)
}

/// Where only small pages fit, one fault maps its neighbours too, but none outside the area.
fn around() -> Result<()> {
    let pages = i64::try_from(WIDE_FILE.2 / PAGE)?;
    let wide = map(WIDE_FILE, PROT_READ, MAP_PRIVATE)?;
    let count = touch_all(&wide)?;
    ensure!(count <= pages / 16 + 2, "{count} faults for {pages} pages");
    println!("{pages} pages touched with {count} faults");
    let part = Map::new(
        &File::open(at(WIDE_FILE.0))?,
        3 * PAGE,
        2 * PAGE,
        PROT_READ,
        MAP_PRIVATE,
    )?;
    ensure!(touch_all(&part)? <= 2, "faults for two pages");
    expect_all(&part, WIDE_FILE.1, 3 * PAGE)
}

/// The last page is zero behind the file's end.
fn tail() -> Result<()> {
    for (name, seed, size) in [ODD_FILE, BIG_FILE, SMALL_FILE] {
        let length = size.next_multiple_of(PAGE);
        let map = Map::new(&File::open(at(name))?, 0, length, PROT_READ, MAP_SHARED)?;
        let end = usize::try_from(size)?;
        let rest = map.copy(end, usize::try_from(length - size)?)?;
        ensure!(
            rest.iter().all(|byte| *byte == 0),
            "{name}: bytes behind the end"
        );
        pattern::expect(&map.copy(end - 50, 50)?, seed, size - 50)?;
    }
    Ok(())
}

fn bus() -> Result<()> {
    let holed = ("holed", 26, HOLED_SIZE);
    for (name, _, size) in [ODD_FILE, BIG_FILE, SMALL_FILE, ("empty", 0, 0), holed] {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let length = size.next_multiple_of(PAGE) + 2 * PAGE;
            let first = usize::try_from(size.next_multiple_of(PAGE))?;
            let end = Child::fork(|| {
                let map = Map::new(&File::open(at(name))?, 0, length, PROT_READ, flags)?;
                map.touch(first);
                Ok(())
            })?;
            let end = end.wait()?;
            ensure!(
                end == End::Signal(SIGBUS),
                "{name}: behind the last page the child got {end:?}"
            );
        }
    }
    Ok(())
}

fn private() -> Result<()> {
    for file in [ODD_FILE, WIDE_FILE, SMALL_FILE] {
        let mine = map(file, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let other = map(file, PROT_READ, MAP_SHARED)?;
        for offset in (0..mine.length()).step_by(usize::try_from(PAGE)?) {
            let before = mine.touch(offset);
            mine.write(offset, before.wrapping_add(1));
            ensure!(
                mine.touch(offset) == before.wrapping_add(1),
                "the write is lost"
            );
        }
        let first = other.copy(0, other.length())?;
        pattern::expect(&first, file.1, 0).context("another mapping sees the write")?;
        let fresh = super::reading::read_at(&at(file.0), 0, usize::try_from(file.2)?)?;
        pattern::expect(&fresh, file.1, 0).context("the image has changed")?;
    }
    // Written before it is ever read.
    let mine = map(WIDE_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    mine.write(5000, 1);
    let page = mine.copy(usize::try_from(PAGE)?, 904)?;
    pattern::expect(&page, WIDE_FILE.1, PAGE)
}

fn private_huge() -> Result<()> {
    let mine = map(HUGE_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
    let page = usize::try_from(PAGE)?;
    touch_all(&mine)?;
    for offset in [0, 7 * page, usize::try_from(HUGE)? + 3] {
        let before = mine.touch(offset);
        mine.write(offset, before.wrapping_add(1));
    }
    let mut copy = mine.copy(0, mine.length())?;
    for offset in [0, 7 * page, usize::try_from(HUGE)? + 3] {
        copy[offset] = copy[offset].wrapping_sub(1);
    }
    pattern::expect(&copy, HUGE_FILE.1, 0)?;
    expect_all(&map(HUGE_FILE, PROT_READ, MAP_SHARED)?, HUGE_FILE.1, 0).context("the image")
}

fn shared_write() -> Result<()> {
    for file in [ODD_FILE, SMALL_FILE] {
        let writable = map(file, PROT_READ | PROT_WRITE, MAP_SHARED);
        expect_errno("a writable shared mapping", writable, libc::EACCES)?;
        let shared = map(file, PROT_READ, MAP_SHARED)?;
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

fn change() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let mut mine = map(file, PROT_READ, MAP_PRIVATE)?;
        touch_all(&mine)?;
        in_child(|| {
            expect_all(&mine, file.1, 0)?;
            mine.protect(PROT_READ | PROT_WRITE)?;
            mine.write(10, 0);
            Ok(())
        })?;
        expect_all(&mine, file.1, 0).context("the child's write is seen")?;
        let length = mine.length();
        mine.resize(length / 2)?;
        mine.resize(length)?;
        expect_all(&mine, file.1, 0).context("after mremap")?;
        mine.protect(PROT_READ | PROT_WRITE)?;
        mine.write(length - 1, 0);
        mine.write(length / 2 + 5000, 0);
        in_child(|| {
            mine.write(20, 1);
            Ok(())
        })?;
        mine.protect(PROT_READ)?;
        pattern::expect(&mine.copy(0, 4096)?, file.1, 0)?;
        mine.protect(libc::PROT_NONE)?;
    }
    Ok(())
}

fn advise() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE, SMALL_FILE] {
        let whole = map(file, PROT_READ, MAP_SHARED)?;
        for advice in [
            libc::MADV_WILLNEED,
            libc::MADV_SEQUENTIAL,
            libc::MADV_RANDOM,
            libc::MADV_NORMAL,
            libc::MADV_COLD,
            libc::MADV_PAGEOUT,
            libc::MADV_POPULATE_READ,
            libc::MADV_HUGEPAGE,
            libc::MADV_NOHUGEPAGE,
            libc::MADV_DONTNEED,
        ] {
            // Some make no sense for a file; what matters is that the mapping stays what it is.
            let _ = whole.advise(advice);
            expect_all(&whole, file.1, 0).with_context(|| format!("after advice {advice}"))?;
        }
        whole.lock()?;
        expect_all(&whole, file.1, 0)?;
        ensure!(
            whole.resident()? == whole.length().div_ceil(4096),
            "a locked page is not there"
        );
    }
    Ok(())
}

/// A number of /proc/self/smaps for the mapping at `address`, in kB.
fn smaps(address: usize, field: &str) -> Result<u64> {
    let text = read_text("/proc/self/smaps")?;
    let head = format!("{address:x}-");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&head));
    let line = lines
        .find(|line| line.starts_with(field))
        .context("no such mapping")?;
    Ok(line
        .split_whitespace()
        .nth(1)
        .context("no number")?
        .parse()?)
}

fn resident() -> Result<()> {
    for file in [ODD_FILE, WIDE_FILE, HUGE_FILE] {
        let whole = map(file, PROT_READ, MAP_SHARED)?;
        let address = whole.address().addr();
        ensure!(
            smaps(address, "Rss:")? == 0,
            "pages before they are touched"
        );
        touch_all(&whole)?;
        let rss = smaps(address, "Rss:")?;
        ensure!(
            rss == file.2.div_ceil(PAGE) * 4,
            "{}: {rss} kB resident",
            file.0
        );
        let pss = smaps(address, "Pss:")?;
        ensure!(pss == rss, "{}: {pss} kB in proportion", file.0);
        let (ready, done) = (sys::pipe()?, sys::pipe()?);
        let (ready_end, done_end) = (ready.1.as_raw_fd(), done.0.as_raw_fd());
        let other = Child::fork(|| {
            touch_all(&whole)?;
            let byte = 0_u8;
            let at = sys::address_of(&byte);
            sys::syscall(libc::SYS_write, [usize::try_from(ready_end)?, at, 1, 0, 0])?;
            sys::syscall(libc::SYS_read, [usize::try_from(done_end)?, at, 1, 0, 0]).map(drop)
        })?;
        let byte = [0_u8];
        let fd = usize::try_from(ready.0.as_raw_fd())?;
        sys::syscall(libc::SYS_read, [fd, sys::address_of(&byte), 1, 0, 0])?;
        let half = smaps(address, "Pss:")?;
        let fd = usize::try_from(done.1.as_raw_fd())?;
        sys::syscall(libc::SYS_write, [fd, sys::address_of(&byte), 1, 0, 0])?;
        ensure!(other.wait()? == End::Exit(0), "the other process failed");
        ensure!(
            half.abs_diff(rss / 2) <= 1,
            "{}: shared by two it counts {half} of {rss}",
            file.0
        );
    }
    Ok(())
}

/// Four processes map 8 MiB privately and touch all of it: that takes no memory for the content.
fn shared_pages() -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3")?;
    let before = meminfo::free()?;
    let ready = sys::pipe()?;
    let end = ready.1.as_raw_fd();
    let children: Vec<Child> = (0..4)
        .map(|_| {
            Child::fork(|| {
                let mine = map(HUGE_FILE, PROT_READ, MAP_PRIVATE)?;
                touch_all(&mine)?;
                let byte = 0_u8;
                let fd = usize::try_from(end)?;
                sys::syscall(libc::SYS_write, [fd, sys::address_of(&byte), 1, 0, 0])?;
                loop {
                    // SAFETY: Waits for a signal.
                    unsafe { libc::pause() };
                }
            })
        })
        .collect::<Result<_>>()?;
    let byte = [0_u8];
    for _ in 0..children.len() {
        let fd = usize::try_from(ready.0.as_raw_fd())?;
        sys::syscall(libc::SYS_read, [fd, sys::address_of(&byte), 1, 0, 0])?;
    }
    let used = before - meminfo::free()?;
    for child in children {
        child.signal(libc::SIGKILL)?;
        child.wait()?;
    }
    println!("4 processes with 8 MiB each: {used} kB");
    ensure!(used < 4096, "{used} kB for four mappings of 8 MiB");
    Ok(())
}

const TWINS: [(&str, u64, u64); 2] = [("twin1", 22, TWIN_SIZE), ("twin2", 22, TWIN_SIZE)];

/// Mounts the image anew, so that no folio has been made yet. Nothing may be left of the mount before.
fn mount_anew() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    let claims = read_text("/proc/iomem")?;
    ensure!(!claims.contains("daxfs"), "the range is still claimed");
    mount_image()
}

/// Maps a file where no huge entry fits.
fn map_oddly(file: (&str, u64, u64)) -> Result<Map> {
    let room = Map::new(
        &File::open("/dev/zero")?,
        0,
        file.2 + 2 * HUGE,
        PROT_READ,
        MAP_PRIVATE,
    )?;
    let first = super::reading::physical_address(file.0)? % HUGE;
    let into = u64::try_from(room.address().addr())?.wrapping_sub(first) % HUGE;
    room.replace(HUGE - into + 5 * PAGE, &File::open(at(file.0))?, file.2)
}

/// The most faults that touching a whole file takes with huge entries.
fn faults_with_huge_entries(file: (&str, u64, u64)) -> Result<i64> {
    let entries = stretches(super::reading::physical_address(file.0)?, file.2);
    ensure!(entries >= 1, "no stretch of 2 MiB in {}", file.0);
    let small = (file.2 / PAGE - entries * (HUGE / PAGE)).div_ceil(16);
    Ok(i64::try_from(entries + small + 3)?)
}

/// Files share extents. While one process has small pages of it, others get small pages, with the
/// same bytes; when they are gone, a huge entry. A page in a pipe counts as well.
fn huge_after_small() -> Result<()> {
    mount_anew()?;
    let most = faults_with_huge_entries(TWINS[1])?;
    let odd = map_oddly(TWINS[0])?;
    let middle = usize::try_from(TWIN_SIZE / 2)?;
    odd.touch(middle);
    let meanwhile = map(TWINS[1], PROT_READ, MAP_PRIVATE)?;
    let count = touch_all(&meanwhile)?;
    ensure!(count > most, "{count} faults while a page is in use");
    expect_all(&meanwhile, 22, 0)?;
    drop(meanwhile);
    let (read, write) = sys::pipe()?;
    odd.vmsplice(&write, middle, 4096)?;
    expect_all(&odd, 22, 0)?;
    drop(odd);
    let meanwhile = map(TWINS[1], PROT_READ, MAP_SHARED)?;
    let count = touch_all(&meanwhile)?;
    ensure!(count > most, "{count} faults while a page is in a pipe");
    drop(meanwhile);
    drop((read, write));
    let after = map(TWINS[1], PROT_READ, MAP_SHARED)?;
    let count = touch_all(&after)?;
    ensure!(count <= most, "{count} faults when all pages are idle");
    expect_all(&after, 22, 0)?;
    expect_all(&map_oddly(TWINS[0])?, 22, 0).context("small pages of a huge folio")?;
    drop(after);
    mount_anew()
}

/// Two processes use an extent by small pages, two try to have huge entries of it, each round from
/// folios that are yet to be made. At the end every reference has been given back.
fn huge_under_load() -> Result<()> {
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
                        pattern::expect(
                            &odd.copy(page * 4096, 64)?,
                            22,
                            u64::try_from(page)? * PAGE,
                        )?;
                    }
                }
                Ok(())
            })
        };
        let huge = |number: usize| {
            Child::fork(move || {
                for _ in 0..60 {
                    let whole = map(TWINS[number], PROT_READ, MAP_PRIVATE)?;
                    for page in (number..1024).step_by(501) {
                        pattern::expect(
                            &whole.copy(page * 4096, 64)?,
                            22,
                            u64::try_from(page)? * PAGE,
                        )?;
                    }
                }
                Ok(())
            })
        };
        for child in [small(0)?, huge(0)?, small(1)?, huge(1)?] {
            ensure!(child.wait()? == End::Exit(0), "a child failed");
        }
        let after = map(TWINS[0], PROT_READ, MAP_SHARED)?;
        made += i64::from(touch_all(&after)? <= most);
        expect_all(&after, 22, 0)?;
    }
    ensure!(made == 12, "huge entries after {made} rounds of 12");
    mount_anew()
}

/// A marker of userfaultfd stands where a page table would have an entry. A read maps the page in its
/// place, and does not fault for ever.
fn markers() -> Result<()> {
    for file in [WIDE_FILE, ("holed", 26, 5 * MIB)] {
        let whole = map(file, PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let watch = sys::WriteProtect::new(&whole)?;
        sys::alarm(60);
        expect_all(&whole, file.1, 0)?;
        whole.write(5000, 1);
        whole.write(9 * 4096, 1);
        sys::alarm(0);
        drop(watch);
    }
    Ok(())
}
