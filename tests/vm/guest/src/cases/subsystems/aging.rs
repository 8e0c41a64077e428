// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reclaim by generations of pages, monitoring of accesses, compaction, merging of equal pages.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libc::{MADV_MERGEABLE, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::super::extents::physical_address;
use super::{expect_all_right, expect_in_place, map_all, order, DEBUG};
use crate::sample::{HUGE_FILE, WIDE_FILE};
use crate::sys::{self, read_text, Child};

/// Ages all pages twice, and reclaims what it can of the oldest.
pub(super) fn generations() -> Result<()> {
    let control = format!("{DEBUG}/lru_gen");
    let maps = [
        map_all(WIDE_FILE, MAP_SHARED)?,
        map_all(HUGE_FILE, MAP_PRIVATE)?,
    ];
    for _ in 0..3 {
        for (group, node, oldest, newest) in lists(&read_text(&control)?)? {
            order(&control, format!("+ {group} {node} {newest} 1 1"))?;
            // There may be too few generations to reclaim one.
            let _ = fs::write(&control, format!("- {group} {node} {oldest} 200 4096"));
        }
        expect_in_place(WIDE_FILE, &maps[0])?;
        expect_in_place(HUGE_FILE, &maps[1])?;
    }
    drop(maps);
    expect_all_right()
}

/// Returns control group, node, and the oldest and newest generation of each list.
fn lists(text: &str) -> Result<Vec<(u64, u64, u64, u64)>> {
    let mut found = Vec::new();
    let (mut group, mut node) = (0, 0);
    let mut generations: Vec<u64> = Vec::new();
    for line in text.lines().chain(["node 0"]) {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        if let Ok(generation) = first.parse() {
            generations.push(generation);
            continue;
        }
        if let (Some(oldest), Some(newest)) = (generations.first(), generations.last()) {
            found.push((group, node, *oldest, *newest));
            generations.clear();
        }
        let number = second.unwrap_or_default().parse();
        match (first, number) {
            ("memcg", Ok(number)) => group = number,
            ("node", Ok(number)) => node = number,
            _ => {}
        }
    }
    ensure!(!found.is_empty(), "no generations in {text}");
    Ok(found)
}

const DAMON: &str = "/sys/kernel/mm/damon/admin/kdamonds";

/// Actions of DAMON on pages.
const ACTIONS: [&str; 6] = [
    "pageout",
    "cold",
    "hugepage",
    "nohugepage",
    "willneed",
    "stat",
];

/// DAMON monitors a mapping, and the memory of the image, and acts on all that it finds.
pub(super) fn monitoring() -> Result<()> {
    let holder = Child::fork(|| {
        let maps = [
            map_all(WIDE_FILE, MAP_PRIVATE)?,
            map_all(HUGE_FILE, MAP_SHARED)?,
        ];
        // The schemes take pages away all the time, so that not all of them are there.
        loop {
            WIDE_FILE.expect_map(&maps[0])?;
            HUGE_FILE.expect_map(&maps[1])?;
        }
    })?;
    for action in ACTIONS {
        monitor(action, &Target::Process(holder.pid())).context(action)?;
        if ["pageout", "cold", "stat"].contains(&action) {
            let start = physical_address(HUGE_FILE.name)?;
            monitor(action, &Target::Memory(start, start + HUGE_FILE.size)).context(action)?;
        }
    }
    holder.kill().context("the process saw something else")?;
    expect_all_right()
}

enum Target {
    Process(libc::pid_t),
    Memory(u64, u64),
}

/// Runs DAMON for a moment, with a scheme for all regions.
fn monitor(action: &str, target: &Target) -> Result<()> {
    let set = |path: &str, text: &str| order(format!("{DAMON}/{path}"), text);
    set("nr_kdamonds", "1")?;
    set("0/contexts/nr_contexts", "1")?;
    let context = "0/contexts/0";
    set(&format!("{context}/targets/nr_targets"), "1")?;
    match target {
        Target::Process(pid) => {
            set(&format!("{context}/operations"), "vaddr")?;
            set(&format!("{context}/targets/0/pid_target"), &pid.to_string())?;
        }
        Target::Memory(start, end) => {
            set(&format!("{context}/operations"), "paddr")?;
            let regions = format!("{context}/targets/0/regions");
            set(&format!("{regions}/nr_regions"), "1")?;
            set(&format!("{regions}/0/start"), &start.to_string())?;
            set(&format!("{regions}/0/end"), &end.to_string())?;
        }
    }
    let intervals = format!("{context}/monitoring_attrs/intervals");
    set(&format!("{intervals}/sample_us"), "5000")?;
    set(&format!("{intervals}/aggr_us"), "50000")?;
    set(&format!("{context}/schemes/nr_schemes"), "1")?;
    let scheme = format!("{context}/schemes/0");
    set(&format!("{scheme}/action"), action)?;
    for bound in ["sz", "nr_accesses", "age"] {
        set(&format!("{scheme}/access_pattern/{bound}/min"), "0")?;
        set(
            &format!("{scheme}/access_pattern/{bound}/max"),
            "4294967295",
        )?;
    }
    set("0/state", "on")?;
    std::thread::sleep(Duration::from_millis(400));
    set("0/state", "update_schemes_stats")?;
    let tried = read_text(format!("{DAMON}/{scheme}/stats/nr_tried"))?;
    let applied = read_text(format!("{DAMON}/{scheme}/stats/sz_applied"))?;
    set("0/state", "off")?;
    ensure!(tried.trim() != "0", "it found no region");
    if matches!(target, Target::Memory(..)) && action != "stat" {
        ensure!(
            applied.trim() == "0",
            "it acted on {applied} bytes of the image"
        );
    }
    set("nr_kdamonds", "0")
}

/// Compaction and the merging of equal pages leave the image alone.
pub(super) fn others() -> Result<()> {
    order("/sys/kernel/mm/ksm/run", "1")?;
    let maps = [
        WIDE_FILE.map(PROT_READ, MAP_PRIVATE)?,
        WIDE_FILE.map(PROT_READ, MAP_PRIVATE)?,
        HUGE_FILE.map(PROT_READ, MAP_PRIVATE)?,
    ];
    for map in &maps {
        map.advise(MADV_MERGEABLE)?;
        super::touch(map);
    }
    order("/proc/sys/vm/compact_memory", "1")?;
    std::thread::sleep(Duration::from_millis(500));
    for (file, map) in [WIDE_FILE, WIDE_FILE, HUGE_FILE].into_iter().zip(&maps) {
        expect_in_place(file, map)?;
    }
    order("/sys/kernel/mm/ksm/run", "2")?;
    drop(maps);
    for name in ["kpageflags", "kpagecount", "kpagecgroup"] {
        let first = physical_address(HUGE_FILE.name)? / 4096 * 8;
        let file = File::open(format!("/proc/{name}"))?;
        file.read_exact_at(&mut [0; 4096], first)?;
    }
    sys::drop_caches()?;
    expect_all_right()
}
