// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages that are in use when mapping and mount are gone.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::mounting::{claims, inner_address, refused};
use super::Case;
use crate::image::{mount_image, phys, MOUNT};
use crate::meminfo;
use crate::sample::{SampleFile, CLEAN_FILE, HUGE_FILE, PAGE, WIDE_FILE};
use crate::sys;

pub(super) const CASES: &[Case] = &[
    ("pages-that-outlive-the-mount", outlive),
    ("pages-of-a-former-mount-are-given-back-later", parked),
    ("a-part-of-a-former-mount-is-refused", overlap_parked),
    ("locked-pages-do-not-hold-the-memory", locked),
];

/// Puts the first `length` bytes of a file into a pipe, as references to the pages of the image.
fn splice(file: SampleFile, length: usize) -> Result<OwnedFd> {
    let (read, write) = sys::pipe()?;
    let map = file.map(PROT_READ, MAP_SHARED)?;
    let moved = map.vmsplice(&write, 0, length)?;
    ensure!(moved == length, "{moved} of {length} bytes are in the pipe");
    Ok(read)
}

/// Empties a pipe that holds the first `length` bytes of a file.
fn expect_in_pipe(pipe: OwnedFd, file: SampleFile, length: usize) -> Result<()> {
    let mut bytes = vec![0; length];
    std::io::Read::read_exact(&mut File::from(pipe), &mut bytes)?;
    file.expect(&bytes, 0)
}

/// A mount takes over what a former one left, though pages are in use and stay what they are.
fn outlive() -> Result<()> {
    const LENGTH: usize = 8 * 4096;
    let pipe = splice(HUGE_FILE, LENGTH)?;
    sys::unmount(MOUNT, 0)?;
    ensure!(claims()? == 1, "given back while its pages were in use");
    mount_image()?;
    ensure!(claims()? == 1, "two claims");
    expect_files()?;
    expect_in_pipe(pipe, HUGE_FILE, LENGTH)?;
    expect_files()?;
    sys::unmount(MOUNT, 0)?;
    ensure!(claims()? == 0, "kept though nothing is in use");
    mount_image()
}

/// Fails unless files can be read, and mapped by small pages and by huge ones.
fn expect_files() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let map = file.map(PROT_READ, flags)?;
            file.expect_map(&map)?;
        }
        file.expect_read()?;
    }
    Ok(())
}

/// Fails unless sysfs shows one deferred range, with a page that has one reference.
fn expect_deferred() -> Result<()> {
    let text = sys::read_text("/sys/fs/daxfs/deferred")?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_right = |words: &[&str]| match words {
        [start, size, page, "references=1"] => {
            start.starts_with("phys=0x")
                && size.starts_with("size=0x")
                && page.starts_with("page=0x")
        }
        _ => false,
    };
    ensure!(is_right(&words), "deferred: {text:?}");
    Ok(())
}

/// A page that stays in a pipe for long neither delays the unmount, nor is the memory lost: it is
/// given back when the page is free, and the module stays loaded until then.
fn parked() -> Result<()> {
    const LENGTH: usize = 4096;
    const HELD: Duration = Duration::from_secs(11);
    const AT_MOST: Duration = Duration::from_secs(60);
    let pipe = splice(WIDE_FILE, LENGTH)?;
    let start = Instant::now();
    sys::unmount(MOUNT, 0)?;
    let waited = start.elapsed();
    ensure!(waited < Duration::from_secs(5), "it took {waited:?}");
    ensure!(
        sys::unload_module(c"daxfs").is_err(),
        "unloaded while pages are in use"
    );
    std::thread::sleep(HELD.saturating_sub(waited));
    ensure!(claims()? == 1, "given back while a page was in use");
    expect_deferred()?;
    expect_in_pipe(pipe, WIDE_FILE, LENGTH)?;
    let free = Instant::now();
    while claims()? != 0 {
        ensure!(free.elapsed() < AT_MOST, "not given back");
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("given back after {:.0} s", free.elapsed().as_secs_f64());
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    sys::load_module("/daxfs.ko").context("cannot load it again")?;
    mount_image()
}

/// While pages of a former mount are in use, neither an image within its range can be mounted, nor
/// one around it. When the pages are free, both can.
fn overlap_parked() -> Result<()> {
    let outer = format!("phys={}", phys());
    let inner = format!("phys={:#x}", inner_address()?);
    let pipe = splice(WIDE_FILE, 4096)?;
    sys::unmount(MOUNT, 0)?;
    refused(&inner, libc::EBUSY, "of a former mount")?;
    ensure!(
        claims()? == 1,
        "the refused mount left a claim, or took one"
    );
    drop(pipe);
    sys::mount("none", MOUNT, "daxfs", 0, &inner)
        .context("the inner image, when pages are free")?;
    let pipe = splice(CLEAN_FILE, 4096)?;
    sys::unmount(MOUNT, 0)?;
    refused(&outer, libc::EBUSY, "of a former mount")?;
    ensure!(
        claims()? == 1,
        "the refused mount left a claim, or took one"
    );
    expect_in_pipe(pipe, CLEAN_FILE, 4096)?;
    mount_image()
}

/// The kernel keeps references to pages that were locked on lists of the processor where that was,
/// and a mark on those that were unlocked before they were unmapped. Neither outlives an unmount.
fn locked() -> Result<()> {
    sys::run_on_processor(0)?;
    let before = locked_memory()?;
    for unlock in [Unlock::ByExit, Unlock::ByCall] {
        sys::in_child(|| {
            sys::run_on_processor(1)?;
            let map = WIDE_FILE.map(PROT_READ, MAP_PRIVATE)?;
            map.lock()?;
            // The last few wait on a list of the processor.
            let (locked, all) = (
                locked_memory()? - before,
                i64::try_from(WIDE_FILE.size >> 10)?,
            );
            ensure!(
                locked > all / 2,
                "{locked} of {all} kB are counted as locked"
            );
            if unlock == Unlock::ByCall {
                map.unlock()?;
            }
            for page in (0..map.length()).step_by(usize::try_from(PAGE)?) {
                map.touch(page);
            }
            // To unmap empties the lists of the processor where that is done: another one.
            sys::run_on_processor(0)
        })?;
    }
    sys::unmount(MOUNT, 0)?;
    let (left, after) = (claims()?, locked_memory()?);
    mount_image()?;
    ensure!(left == 0, "locked pages held the memory");
    ensure!(
        before == after,
        "{before} of locked memory became {after}, with nothing locked"
    );
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unlock {
    ByExit,
    ByCall,
}

/// Returns the kernel's count of locked memory in KiB.
pub(super) fn locked_memory() -> Result<i64> {
    // Processors count for themselves and add their counts up from time to time; this does it now.
    fs::write("/proc/sys/vm/stat_refresh", "1")?;
    meminfo::field("Mlocked:")
}
