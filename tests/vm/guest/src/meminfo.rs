// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's counts of memory.

use anyhow::{Context, Result};

use crate::sys::read_text;

/// Returns the free memory in KiB, including the lists of processors, which no other count
/// includes. These lists grow and shrink by megabytes.
pub(crate) fn free() -> Result<i64> {
    const PAGE: i64 = 4;
    let zones = read_text("/proc/zoneinfo")?;
    let counts = zones
        .lines()
        .filter_map(|line| line.trim().strip_prefix("count:"));
    let pages: Result<i64> = counts.map(|count| Ok(count.trim().parse::<i64>()?)).sum();
    Ok(field("MemFree:")? + pages? * PAGE)
}

/// Returns a field of `/proc/meminfo` in KiB; its name ends with the colon.
pub(crate) fn field(name: &str) -> Result<i64> {
    number(&read_text("/proc/meminfo")?, name)
}

/// Returns the number behind a name at the beginning of a line.
pub(crate) fn number(text: &str, name: &str) -> Result<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
}
