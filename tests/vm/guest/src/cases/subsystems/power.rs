// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hibernation: the image of the machine's memory that the kernel makes and would restore.

use std::fs::File;
use std::io::Read;

use anyhow::{ensure, Context, Result};
use libc::MAP_SHARED;

use super::{expect_all_right, expect_in_place, map_all};
use crate::pattern;
use crate::sample::{HUGE_FILE, WIDE_FILE};
use crate::sys;

const FREEZE: u64 = 0x3301;
const UNFREEZE: u64 = 0x3302;
const FREE: u64 = 0x3305;
const CREATE: u64 = 0x4004_3311;

/// The kernel's image of its memory leaves the pages of the module out, and what is mounted stays
/// mounted and right.
pub(super) fn hibernate() -> Result<()> {
    let maps = [
        map_all(WIDE_FILE, MAP_SHARED)?,
        map_all(HUGE_FILE, MAP_SHARED)?,
    ];
    let mut snapshot = File::open("/dev/snapshot").context("cannot open the device")?;
    sys::ioctl(&snapshot, FREEZE, &mut 0_i32).context("cannot freeze")?;
    let found = make_image(&mut snapshot);
    let freed = sys::ioctl(&snapshot, FREE, &mut 0_i32);
    let unfrozen = sys::ioctl(&snapshot, UNFREEZE, &mut 0_i32);
    let (pages, ours) = found?;
    freed?;
    unfrozen?;
    println!("{pages} pages in the image");
    ensure!(ours == 0, "{ours} pages of a file are in the image");
    for (file, map) in [WIDE_FILE, HUGE_FILE].into_iter().zip(&maps) {
        expect_in_place(file, map)?;
    }
    drop((maps, snapshot));
    expect_all_right()
}

/// Makes the image. Returns how many pages it has, and how many of a file.
fn make_image(snapshot: &mut File) -> Result<(u64, u64)> {
    let mut in_suspend = 0_i32;
    sys::ioctl(&*snapshot, CREATE, &mut in_suspend).context("cannot make the image")?;
    ensure!(in_suspend == 1, "no image was made");
    let wanted = pattern::bytes(HUGE_FILE.seed, 0, 1 << 20);
    let (mut pages, mut ours) = (0, 0);
    let mut page = [0; 4096];
    while snapshot.read(&mut page)? == page.len() {
        pages += 1;
        let same = wanted.chunks_exact(4096).any(|known| known == page);
        ours += u64::from(same);
    }
    Ok((pages, ours))
}
