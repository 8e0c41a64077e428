// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices that mirror page tables and migrate memory, as GPUs do, by the kernel's test device.

use std::fs::File;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libc::{MADV_NOHUGEPAGE, MAP_PRIVATE, MAP_SHARED, PROT_READ};

use super::{each_mapping, expect_all_right, expect_in_place, order, touch};
use crate::sample::{SampleFile, HUGE_FILE, PAGE, WIDE_FILE};
use crate::sys::{self, Child, End, Map};

/// `struct hmm_dmirror_cmd`.
#[repr(C)]
#[derive(Default)]
struct Command {
    address: u64,
    buffer: u64,
    pages: u64,
    copied: u64,
    faults: u64,
}

const READ: u64 = 0xc028_4800;
const MIGRATE_TO_DEVICE: u64 = 0xc028_4802;
const MIGRATE_BACK: u64 = 0xc028_4803;
const SNAPSHOT: u64 = 0xc028_4804;
const EXCLUSIVE: u64 = 0xc028_4805;

/// The bit of a page that can be read, in a snapshot.
const READABLE: u8 = 1;

struct Device(File);

impl Device {
    fn open() -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open("/dev/hmm_dmirror0");
        Ok(Self(file.context("cannot open the test device")?))
    }

    /// Gives a command for a mapping, with a buffer of so many bytes for each page. Returns the
    /// buffer and the number of pages that the device copied.
    fn command(&self, request: u64, map: &Map, each: u64) -> Result<(Vec<u8>, u64)> {
        let pages = u64::try_from(map.length())? / PAGE;
        let buffer = Map::anonymous(pages * each)?;
        let mut command = Command {
            address: u64::try_from(map.address().addr())?,
            buffer: u64::try_from(buffer.address().addr())?,
            pages,
            ..Command::default()
        };
        sys::ioctl(&self.0, request, &mut command)?;
        Ok((buffer.bytes()?, command.copied))
    }
}

/// A device reads the image through a mapping, and gets no exclusive access to it.
pub(super) fn mirror() -> Result<()> {
    let device = Device::open()?;
    each_mapping(|file, map| {
        let (bytes, _) = device.command(READ, map, PAGE)?;
        file.expect(&bytes, 0)?;
        let (kinds, _) = device.command(SNAPSHOT, map, 1)?;
        let readable = kinds.iter().filter(|&&kind| kind & READABLE != 0).count();
        ensure!(
            readable == kinds.len(),
            "{readable} of {} pages",
            kinds.len()
        );
        let exclusive = device.command(EXCLUSIVE, map, PAGE);
        ensure!(exclusive.is_err(), "exclusive access to the image");
        expect_in_place(file, map)
    })?;
    drop(device);
    expect_all_right()
}

/// Small pages stay where they are, also those of a folio.
pub(super) fn migrate_small() -> Result<()> {
    let device = Device::open()?;
    for file in [WIDE_FILE, HUGE_FILE] {
        for flags in [MAP_SHARED, MAP_PRIVATE] {
            let map = file.map(PROT_READ, flags)?;
            map.advise(MADV_NOHUGEPAGE)?;
            touch(&map);
            // It may be an error that nothing was migrated.
            let _ = device.command(MIGRATE_TO_DEVICE, &map, PAGE);
            expect_in_place(file, &map).context("to the device")?;
            let _ = device.command(MIGRATE_BACK, &map, PAGE);
            expect_in_place(file, &map).context("back")?;
        }
    }
    drop(device);
    expect_all_right()
}

/// The kernel takes huge entries away and cannot put them back, since folios have no mapping. An
/// access then repeats until its process is killed. Other mappings and the mount stay right.
///
/// The test device warns of each page that is one of another device.
pub(super) fn migrate_huge() -> Result<()> {
    let warnings = "/proc/sys/kernel/panic_on_warn";
    order(warnings, "0")?;
    let result = migrate_each_kind();
    order(warnings, "1")?;
    result
}

fn migrate_each_kind() -> Result<()> {
    for flags in [MAP_SHARED, MAP_PRIVATE] {
        let other = HUGE_FILE.map(PROT_READ, flags)?;
        let child = Child::fork(|| migrate_and_read(HUGE_FILE, flags))?;
        std::thread::sleep(Duration::from_secs(2));
        touch(&other);
        expect_in_place(HUGE_FILE, &other).context("another mapping")?;
        drop(other);
        // A child that has ended is waited for like one that is killed.
        child.signal(libc::SIGKILL)?;
        let end = child.wait()?;
        println!("the process that migrated ended with {end:?}");
        ensure!(
            end == End::Signal(libc::SIGKILL) || end == End::Exit(0),
            "the process ended with {end:?}"
        );
        expect_all_right()?;
    }
    Ok(())
}

fn migrate_and_read(file: SampleFile, flags: i32) -> Result<()> {
    let device = Device::open()?;
    let map = file.map(PROT_READ, flags)?;
    touch(&map);
    let _ = device.command(MIGRATE_TO_DEVICE, &map, PAGE);
    touch(&map);
    file.expect_map(&map)
}
