// SPDX-License-Identifier: MIT OR Apache-2.0
//! Uprobes. The kernel copies a page with a probe into the page cache and, privately, into each
//! process that maps it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, PROT_EXEC, PROT_READ};

use super::super::at;
use super::super::extents::physical_address_at;
use super::{expect_all_right, frames, order, touch};
use crate::pattern;
use crate::sample::{SampleFile, HUGE_FILE, MIB, PAGE, SPARSE_PIECES, SPARSE_SIZE, WIDE_FILE};
use crate::sys::{self, read_text, Map};

const TRACING: &str = "/sys/kernel/tracing";

/// The instruction that the kernel puts in place of a probed one.
const BREAKPOINT: u8 = 0xcc;

/// A file whose pages lie in the image, with holes between them.
const SPARSE_FILE: SampleFile = SampleFile::new("sparse", 23, SPARSE_SIZE);

/// A file that is mapped through the page cache.
const PACKED_FILE: SampleFile = SampleFile::new("odd", 14, 3 * PAGE + 700);

/// The files, each with the offset of a page of data.
const FILES: [(SampleFile, u64); 4] = [
    (WIDE_FILE, 9 * PAGE),
    (HUGE_FILE, 3 * MIB),
    (SPARSE_FILE, SPARSE_PIECES[1].0),
    (PACKED_FILE, PAGE),
];

/// A probe of one instruction of a file, removed when dropped.
struct Probe;

impl Probe {
    fn new(file: &Path, offset: u64) -> Result<Self> {
        mount_tracing()?;
        let text = format!("p:daxfs/probe {}:{offset:#x}", file.display());
        order(format!("{TRACING}/uprobe_events"), text)?;
        let probe = Self;
        probe.enable(b"1")?;
        Ok(probe)
    }

    fn enable(&self, text: &[u8]) -> Result<()> {
        order(format!("{TRACING}/events/daxfs/probe/enable"), text)
    }

    fn remove(self) -> Result<()> {
        self.enable(b"0")?;
        order(format!("{TRACING}/uprobe_events"), "")?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // A case that fails leaves no probe for the next one.
        let _ = self.enable(b"0");
        let _ = order(format!("{TRACING}/uprobe_events"), "");
    }
}

fn mount_tracing() -> Result<()> {
    if !Path::new(TRACING).join("uprobe_events").exists() {
        sys::mount("none", TRACING, "tracefs", 0, "").context("cannot mount tracefs")?;
    }
    Ok(())
}

/// Returns the first offset in a page of an instruction that can be probed: the kernel knows how to
/// go on behind a push of a register.
fn instruction(file: SampleFile, page: u64) -> Result<u64> {
    let bytes = pattern::bytes(file.seed, page, 4000);
    let found = bytes.iter().position(|byte| (0x50..0x58).contains(byte));
    Ok(page + u64::try_from(found.context("no instruction")?)?)
}

/// Maps a file as a program is mapped.
fn map(file: SampleFile) -> Result<Map> {
    file.map(PROT_READ | PROT_EXEC, MAP_PRIVATE)
}

/// A probe is in mappings from before and after it, in the file never, and goes without a trace.
pub(super) fn in_mappings() -> Result<()> {
    for (file, page) in FILES {
        let offset = instruction(file, page)?;
        let place = usize::try_from(offset)?;
        let own = pattern::bytes(file.seed, offset, 1)[0];
        let before = map(file)?;
        touch(&before);
        let probe = Probe::new(&file.path(), offset)?;
        let after = map(file)?;
        let seen = [before.touch(place), after.touch(place)];
        ensure!(
            seen == [BREAKPOINT; 2],
            "{}: {seen:x?} with a probe",
            file.name
        );
        let read = super::super::reading::read_at(&file.path(), offset, 1)?;
        ensure!(read == [own], "{}: the probe is in the file", file.name);
        probe.remove()?;
        let later = map(file)?;
        let seen = [&before, &after, &later].map(|map| map.touch(place));
        ensure!(seen == [own; 3], "{}: {seen:x?} without a probe", file.name);
    }
    expect_all_right()
}

/// The copy in the page cache is not mapped, whatever fault is beside it.
pub(super) fn no_copy() -> Result<()> {
    let (file, page) = (SPARSE_FILE, SPARSE_PIECES[1].0);
    let probe = Probe::new(&file.path(), instruction(file, page)?)?;
    let probed = map(file)?;
    touch(&probed);
    probe.remove()?;
    drop(probed);
    let fresh = file.map(PROT_READ, libc::MAP_SHARED)?;
    // The hole before the page: the kernel maps what the page cache has around it.
    fresh.touch(usize::try_from(page - PAGE)?);
    fresh.touch(usize::try_from(page)?);
    let wanted = physical_address_at(file.name, page)? / PAGE;
    let found = frames(&fresh)?[usize::try_from(page / PAGE)?];
    ensure!(found == wanted, "shows page {found:#x}, not {wanted:#x}");
    drop(fresh);
    expect_all_right()
}

/// A probe at the entry of a program counts its starts.
pub(super) fn count_calls() -> Result<()> {
    const STARTS: usize = 3;
    let program = at("prog");
    let probe = Probe::new(&program, entry(&program)?)?;
    order(format!("{TRACING}/trace"), "")?;
    for _ in 0..STARTS {
        let status = Command::new(&program).arg("hello").status()?;
        ensure!(status.success(), "the program: {status}");
    }
    let trace = read_text(format!("{TRACING}/trace"))?;
    let hits = trace
        .lines()
        .filter(|line| line.contains("probe: ("))
        .count();
    ensure!(hits == STARTS, "{hits} hits of {STARTS}: {trace}");
    probe.remove()?;
    let status = Command::new(&program).arg("hello").status()?;
    ensure!(status.success(), "the program without a probe: {status}");
    expect_all_right()
}

/// Returns the offset of the first instruction of an ELF program.
fn entry(program: &Path) -> Result<u64> {
    let bytes = fs::read(program)?;
    let number = |at: u64, length: usize| -> Result<u64> {
        let at = usize::try_from(at)?;
        let field = bytes.get(at..at + length).context("a short program")?;
        Ok(field
            .iter()
            .rev()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    };
    let (address, table, count) = (number(24, 8)?, number(32, 8)?, number(56, 2)?);
    for index in 0..count {
        let header = table + index * 56;
        let (offset, start) = (number(header + 8, 8)?, number(header + 16, 8)?);
        let size = number(header + 32, 8)?;
        if number(header, 4)? == 1 && (start..start + size).contains(&address) {
            return Ok(address - start + offset);
        }
    }
    anyhow::bail!("no segment has the entry")
}
