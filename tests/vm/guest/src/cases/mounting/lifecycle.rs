// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a mount: sharing, use during an unmount, release of memory and module.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use super::super::at;
use super::super::extents::physical_address;
use super::{claims, refused};
use crate::image::{mount_at, mount_image, phys, MODULE, MOUNT};
use crate::meminfo;
use crate::sample::{BIG_FILE, HUGE_FILE};
use crate::sys::{self, drop_caches, read_text};

pub(super) fn twice() -> Result<()> {
    fs::create_dir_all("/tmp/second")?;
    mount_at("/tmp/second", "")?;
    let (one, two) = (
        fs::metadata(at("small"))?,
        fs::metadata("/tmp/second/small")?,
    );
    let again = fs::read("/tmp/second/small")?;
    sys::unmount("/tmp/second", 0)?;
    ensure!(
        one.dev() == two.dev() && one.ino() == two.ino(),
        "two superblocks for one image"
    );
    ensure!(again == fs::read(at("small"))?, "content differs");
    Ok(())
}

pub(super) fn busy() -> Result<()> {
    let file = fs::File::open(at("small"))?;
    sys::expect_errno(
        "an unmount with an open file",
        sys::unmount(MOUNT, 0),
        libc::EBUSY,
    )?;
    drop(file);
    let unloaded = sys::unload_module(c"daxfs");
    ensure!(unloaded.is_err(), "the module was unloaded under a mount");
    // A lazy unmount keeps memory until its last use.
    let map = HUGE_FILE.map(libc::PROT_READ, libc::MAP_SHARED)?;
    sys::unmount(MOUNT, libc::MNT_DETACH)?;
    HUGE_FILE.expect_map(&map)?;
    drop(map);
    mount_image()
}

/// Inodes in the cache, from /proc/slabinfo.
fn inodes() -> Result<u64> {
    let text = read_text("/proc/slabinfo")?;
    let line = text.lines().find(|line| line.starts_with("daxfs_inode"));
    line.map_or(Ok(0), |line| {
        Ok(line
            .split_whitespace()
            .nth(1)
            .context("no count")?
            .parse()?)
    })
}

/// Has each slab cache release its empty slabs. On the sanitizer kernel this also frees the objects
/// that KASAN keeps back after they are freed, which grow by megabytes.
fn shrink_slabs() -> Result<()> {
    for cache in fs::read_dir("/sys/kernel/slab")? {
        fs::write(cache?.path().join("shrink"), "1")?;
    }
    Ok(())
}

/// Returns the free memory in kB when it no longer grows: much is freed only some time after its
/// last use.
fn free_memory() -> Result<i64> {
    const QUIET: u32 = 5;
    let (mut most, mut quiet) = (0, 0);
    while quiet < QUIET {
        drop_caches()?;
        shrink_slabs()?;
        let free = meminfo::free()?;
        quiet = if free > most { 0 } else { quiet + 1 };
        most = most.max(free);
        thread::sleep(Duration::from_millis(10));
    }
    Ok(most)
}

fn cycle() -> Result<()> {
    mount_image()?;
    for name in [
        "small",
        "huge",
        "link",
        "sparse",
        "deep/deeper/file",
        "many/x",
    ] {
        let _ = fs::read(at(name));
    }
    let map = BIG_FILE.map(libc::PROT_READ, libc::MAP_PRIVATE)?;
    for offset in (0..map.length()).step_by(4096) {
        map.touch(offset);
    }
    drop(map);
    sys::unmount(MOUNT, 0)
}

pub(super) fn give_back() -> Result<()> {
    ensure!(claims()? == 1, "{} claims while mounted", claims()?);
    sys::unmount(MOUNT, 0)?;
    ensure!(claims()? == 0, "a claim is left");
    // A page for each mount; to verify an image takes 16 of them, and its struct pages 100.
    const LIMIT: i64 = 4;
    const ROUNDS: usize = 25;
    rounds(10)?;
    // Caches may grow once.
    let lost = rounds(ROUNDS)?.min(rounds(ROUNDS)?);
    println!("{ROUNDS} mounts lost {lost} kB");
    ensure!(
        lost < LIMIT * i64::try_from(ROUNDS)?,
        "{ROUNDS} mounts lost {lost} kB"
    );
    mount_image()
}

/// Mounts, uses and unmounts; returns the loss of free memory in kB.
fn rounds(count: usize) -> Result<i64> {
    let before = free_memory()?;
    for _ in 0..count {
        cycle()?;
    }
    Ok(before - free_memory()?)
}

/// A mount that fails, early or late, keeps neither the module nor the range.
pub(super) fn unload_after_failures() -> Result<()> {
    let here = phys();
    // A file of words in a row, which begins at a multiple of 2 MiB.
    let elsewhere = physical_address(HUGE_FILE.name)?;
    sys::unmount(MOUNT, 0)?;
    for (options, number) in [
        (String::new(), libc::EINVAL),
        ("phys=0x1000".to_owned(), libc::EINVAL),
        (format!("phys={here},size=4096"), libc::EINVAL),
        (
            format!("phys={here},identity=sha256:{}", "0".repeat(64)),
            libc::EKEYREJECTED,
        ),
        (format!("phys={elsewhere:#x}"), libc::EUCLEAN),
    ] {
        refused(&options, number, "")?;
        ensure!(claims()? == 0, "{options:?} keeps its claim");
    }
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    ensure!(inodes()? == 0, "inodes are left");
    sys::load_module(MODULE).context("cannot load it again")?;
    mount_image()
}

pub(super) fn unload() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    drop_caches()?;
    sys::unload_module(c"daxfs").context("cannot unload the module")?;
    ensure!(claims()? == 0 && inodes()? == 0, "something is left");
    ensure!(
        !read_text("/proc/filesystems")?.contains("daxfs"),
        "still registered"
    );
    ensure!(
        !read_text("/proc/modules")?.contains("daxfs"),
        "still loaded"
    );
    sys::load_module(MODULE).context("cannot load it again")?;
    mount_image()?;
    ensure!(fs::metadata(at("small"))?.len() == 100, "another image");
    Ok(())
}
