// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts of locked pages.

use anyhow::{ensure, Result};
use libc::{MADV_NOHUGEPAGE, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::super::lifetime::locked_memory;
use super::{expect_in_place, map_all, mount_anew};
use crate::sample::{HUGE, HUGE_FILE, PAGE};
use crate::sys::{self, Map};

/// Locks and unlocks a small page, which keeps a mark of it.
fn mark(offset: u64) -> Result<()> {
    sys::in_child(|| {
        let page = HUGE_FILE.map_part(offset..offset + PAGE, PROT_READ, MAP_PRIVATE)?;
        page.advise(MADV_NOHUGEPAGE)?;
        page.lock()?;
        page.touch(0);
        page.unlock()
    })
}

/// Pages that were locked and become the first of a folio, or others of it, leave the count.
pub(super) fn become_huge() -> Result<()> {
    // The kernel shows no count below zero.
    let base = Map::anonymous(4 * HUGE)?;
    base.lock()?;
    mount_anew()?;
    let before = locked_memory()?;
    for offset in [0, HUGE + PAGE, HUGE + 7 * PAGE, 3 * HUGE - PAGE] {
        mark(offset)?;
    }
    let map = map_all(HUGE_FILE, MAP_SHARED)?;
    expect_in_place(HUGE_FILE, &map)?;
    let mapped = locked_memory()?;
    ensure!(
        mapped == before,
        "{before} kB locked became {mapped}, with folios"
    );
    map.lock()?;
    map.unlock()?;
    drop(map);
    mount_anew()?;
    let after = locked_memory()?;
    ensure!(
        after == before,
        "{before} kB locked became {after}, unmounted"
    );
    Ok(())
}
