// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subsystems of the kernel that find, move, pin, break or judge the pages of others.
//!
//! Each case has a subsystem act on mappings of the image and asserts what it does to them, that
//! the contents are right, and that an unmount gives the memory back.
//!
//! | module | owns |
//! |---|---|
//! | [`areas`] | calls that change areas of memory |
//! | [`aging`] | reclaim, access monitoring, compaction, merging of equal pages |
//! | [`failing`] | injected failures of memory |
//! | [`hmm`] | devices that mirror page tables |
//! | [`locking`] | counts of locked pages |
//! | [`nodes`] | memory nodes |
//! | [`pins`] | long-term pins |
//! | [`power`] | hibernation |
//! | [`probes`] | uprobes |
//! | [`reads`] | reads that must not wait |
//! | [`splitting`] | splitting of huge folios |
//! | [`vfio`] | devices of user space |

mod aging;
mod areas;
mod failing;
mod hmm;
mod locking;
mod nodes;
mod pins;
mod power;
mod probes;
mod reads;
mod splitting;
mod vfio;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use libc::{c_int, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::extents::physical_address;
use super::mounting::claims;
use super::Case;
use crate::image::{mount_image, MOUNT};
use crate::sample::{SampleFile, HUGE_FILE, PAGE, WIDE_FILE};
use crate::sys::{self, Map};

pub(super) const CASES: &[Case] = &[
    ("splitting-by-process", splitting::by_process),
    ("splitting-after-many-accesses", splitting::after_accesses),
    ("splitting-by-file-and-everywhere", splitting::elsewhere),
    ("locked-pages-that-become-huge", locking::become_huge),
    ("long-term-pins", pins::long_term),
    ("long-term-pins-outlive-the-mount", pins::outlive),
    ("long-term-pins-of-private-copies", pins::of_copies),
    ("a-device-mirrors-a-mapping", hmm::mirror),
    ("a-device-migrates-small-pages", hmm::migrate_small),
    ("a-device-migrates-huge-entries", hmm::migrate_huge),
    ("uprobes-before-and-after-mapping", probes::in_mappings),
    ("uprobes-leave-no-copy-in-mappings", probes::no_copy),
    ("uprobes-count-calls", probes::count_calls),
    ("pages-stay-on-their-node", nodes::stay),
    ("aging-by-generations", aging::generations),
    ("monitoring-by-damon", aging::monitoring),
    ("compaction-and-merging", aging::others),
    ("failures-by-page-number", failing::by_number),
    ("soft-offlining-is-refused", failing::soft),
    ("calls-on-areas", areas::calls),
    ("secret-memory-beside-a-mapping", areas::secret),
    ("userfaultfd-takes-no-missing-pages", areas::user_faults),
    ("reads-that-must-not-wait", reads::no_wait),
    ("io-uring-reads-at-once", reads::ring),
    ("an-attempt-to-hibernate", power::hibernate),
    ("devices-of-user-space-pin-pages", vfio::pin),
];

/// The files, with small pages and with huge entries.
const FILES: [SampleFile; 2] = [WIDE_FILE, HUGE_FILE];

/// The file system of the kernel's test interfaces.
const DEBUG: &str = "/sys/kernel/debug";

/// Writes to a control file of the kernel.
fn order(path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Calls a function with each kind of mapping of each file, in place and with all pages present.
fn each_mapping(mut function: impl FnMut(SampleFile, &Map) -> Result<()>) -> Result<()> {
    for file in FILES {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let map = map_all(file, flags)?;
            function(file, &map).with_context(|| format!("{} with flags {flags}", file.name))?;
        }
    }
    Ok(())
}

/// Maps a file and touches all of it.
fn map_all(file: SampleFile, flags: c_int) -> Result<Map> {
    let map = file.map(PROT_READ, flags)?;
    touch(&map);
    Ok(map)
}

fn touch(map: &Map) {
    for offset in (0..map.length()).step_by(4096) {
        map.touch(offset);
    }
}

/// Returns the page numbers that a mapping shows, 0 where it shows none.
fn frames(map: &Map) -> Result<Vec<u64>> {
    frames_of("self", map.address().addr(), map.length())
}

/// The same of another process.
fn frames_of(process: &str, address: usize, length: usize) -> Result<Vec<u64>> {
    const NUMBER: u64 = (1 << 55) - 1;
    const PRESENT: u64 = 1 << 63;
    let mut bytes = vec![0; length.div_ceil(4096) * 8];
    let pagemap = File::open(format!("/proc/{process}/pagemap"))?;
    pagemap.read_exact_at(&mut bytes, u64::try_from(address)? / PAGE * 8)?;
    let entries = bytes.chunks_exact(8).map(|entry| {
        let entry = u64::from_ne_bytes(entry.try_into().unwrap_or_default());
        if entry & PRESENT != 0 {
            entry & NUMBER
        } else {
            0
        }
    });
    Ok(entries.collect())
}

/// Fails unless a mapping of the whole file shows its bytes, and the memory of the image itself.
fn expect_in_place(file: SampleFile, map: &Map) -> Result<()> {
    file.expect_map(map)?;
    let first = physical_address(file.name)? / PAGE;
    let wanted: Vec<u64> = (first..).take(map.length().div_ceil(4096)).collect();
    ensure!(frames(map)? == wanted, "{}: shows other memory", file.name);
    Ok(())
}

/// Fails unless all files can be read and mapped in place.
fn expect_files() -> Result<()> {
    each_mapping(expect_in_place)?;
    FILES.into_iter().try_for_each(SampleFile::expect_read)
}

/// Unmounts the image, which must give its memory back, and mounts it again: there are no folios
/// then.
fn mount_anew() -> Result<()> {
    sys::unmount(MOUNT, 0)?;
    ensure!(claims()? == 0, "the memory is not given back");
    mount_image()
}

/// Fails unless files are right, and the image can be unmounted.
fn expect_all_right() -> Result<()> {
    expect_files()?;
    mount_anew()
}
