// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failures of memory, injected by page number.

use std::os::unix::fs::FileExt;

use anyhow::{ensure, Result};
use libc::{c_int, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::super::extents::physical_address;
use super::{
    each_mapping, expect_all_right, expect_in_place, map_all, mount_anew, order, DEBUG, FILES,
};
use crate::meminfo;
use crate::sample::PAGE;
use crate::sys::{self, errno, Child, End};

const MADV_SOFT_OFFLINE: c_int = 101;

/// The page of each file that breaks.
const BROKEN: u64 = 11;

/// A page that breaks is taken from mappings and reads, its neighbours are not. It cannot be
/// repaired by software while the image is mounted.
pub(super) fn by_number() -> Result<()> {
    let corrupted = meminfo::field("HardwareCorrupted:")?;
    for (count, file) in (1..).zip(FILES) {
        let map = map_all(file, MAP_SHARED)?;
        let number = physical_address(file.name)? / PAGE + BROKEN;
        order(format!("{DEBUG}/hwpoison/corrupt-pfn"), number.to_string())?;
        let place = usize::try_from(BROKEN * PAGE)?;
        let toucher = Child::fork(|| {
            map.touch(place);
            Ok(())
        })?;
        ensure!(
            toucher.wait()? == End::Signal(libc::SIGBUS),
            "{}: the page is still mapped",
            file.name
        );
        file.expect(&map.copy(0, place)?, 0)?;
        file.expect(&map.copy(place + 4096, 4096)?, (BROKEN + 1) * PAGE)?;
        let read = file.open()?.read_at(&mut [0; 8], BROKEN * PAGE);
        sys::expect_errno("a read of the page", read.map_err(Into::into), libc::EIO)?;
        let repair = order(format!("{DEBUG}/hwpoison/unpoison-pfn"), number.to_string());
        ensure!(repair.is_err(), "{}: the page is repaired", file.name);
        let now = meminfo::field("HardwareCorrupted:")? - corrupted;
        ensure!(now == 4 * count, "{now} kB are counted as broken");
        drop(map);
        mount_anew()?;
    }
    expect_all_right()
}

/// Memory is soft-offlined by moving its contents, which those of an image cannot be.
pub(super) fn soft() -> Result<()> {
    each_mapping(|file, map| {
        for page in [0, 5, 100] {
            let advice = map.advise_part(page * 4096, 4096, MADV_SOFT_OFFLINE);
            sys::expect_errno("the advice", advice.map_err(Into::into), libc::EIO)?;
        }
        let address = physical_address(file.name)?;
        let control = "/sys/devices/system/memory/soft_offline_page";
        let refused = order(control, format!("{address:#x}"));
        ensure!(refused.is_err(), "{}: soft-offlined", file.name);
        expect_in_place(file, map)
    })?;
    remove_memory()?;
    expect_all_right()
}

/// The kernel's blocks of memory around the image cannot be taken offline while it is mounted, if
/// there are any.
fn remove_memory() -> Result<()> {
    let block = sys::read_text("/sys/devices/system/memory/block_size_bytes")?;
    let block = u64::from_str_radix(block.trim(), 16)?;
    let number = physical_address(FILES[0].name)? / block;
    let state = format!("/sys/devices/system/memory/memory{number}/state");
    let map = FILES[0].map(PROT_READ, MAP_PRIVATE)?;
    match order(&state, "offline") {
        Err(error) if errno(&error) == libc::ENOENT => println!("no block {number} of memory"),
        Err(error) => println!("block {number} of memory: {error:#}"),
        Ok(()) => {
            // The rest of the block went; the image is there.
            println!("block {number} of memory is offline");
            FILES[0].expect_map(&map)?;
            order(&state, "online")?;
        }
    }
    FILES[0].expect_map(&map)
}
