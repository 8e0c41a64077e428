// SPDX-License-Identifier: MIT OR Apache-2.0
//! Splitting of huge folios by debugfs.

use anyhow::{ensure, Result};
use libc::{MADV_NOHUGEPAGE, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::{each_mapping, expect_all_right, expect_in_place, map_all, mount_anew, order, touch};
use crate::sample::{HUGE, HUGE_FILE};
use crate::sys::{self, Map};

const CONTROL: &str = "/sys/kernel/debug/split_huge_pages";

/// Has the kernel split what it can in a mapping of this process.
fn split(map: &Map) -> Result<()> {
    let start = map.address().addr();
    let end = start + map.length();
    for order_of_folios in [0, 4] {
        let text = format!(
            "{},{start:#x},{end:#x},{order_of_folios}",
            std::process::id()
        );
        order(CONTROL, text)?;
    }
    let text = format!("{},{start:#x},{end:#x},0,3", std::process::id());
    order(CONTROL, text)
}

/// Returns the number of faults that touching a new mapping of the huge file takes.
fn faults() -> Result<i64> {
    let map = HUGE_FILE.map(PROT_READ, MAP_SHARED)?;
    let before = sys::faults()?;
    touch(&map);
    Ok(sys::faults()? - before)
}

/// Nothing is split: mappings show the image, and later ones have huge entries.
pub(super) fn by_process() -> Result<()> {
    each_mapping(|file, map| {
        split(map)?;
        expect_in_place(file, map)
    })?;
    let part = HUGE_FILE.map_part(HUGE / 2..3 * HUGE, PROT_READ, MAP_PRIVATE)?;
    touch(&part);
    split(&part)?;
    HUGE_FILE.expect(&part.bytes()?, HUGE / 2)?;
    drop(part);
    let (count, entries) = (faults()?, i64::try_from(HUGE_FILE.size / HUGE)?);
    ensure!(count <= entries + 1, "{count} faults for {entries} entries");
    expect_all_right()
}

/// Accesses leave marks on small pages, some of which would be others on a folio.
pub(super) fn after_accesses() -> Result<()> {
    mount_anew()?;
    for _ in 0..40 {
        let map = HUGE_FILE.map(PROT_READ, MAP_SHARED)?;
        map.advise(MADV_NOHUGEPAGE)?;
        touch(&map);
    }
    let map = map_all(HUGE_FILE, MAP_SHARED)?;
    split(&map)?;
    expect_in_place(HUGE_FILE, &map)?;
    drop(map);
    expect_all_right()
}

/// By the path of a file, and of all pages of the machine.
pub(super) fn elsewhere() -> Result<()> {
    let map = map_all(HUGE_FILE, MAP_PRIVATE)?;
    order(
        CONTROL,
        format!("{},0x0,0x800,0", HUGE_FILE.path().display()),
    )?;
    order(CONTROL, "1")?;
    expect_in_place(HUGE_FILE, &map)?;
    drop(map);
    expect_all_right()
}
