// SPDX-License-Identifier: MIT OR Apache-2.0
//! Long-term pins, as RDMA and VFIO take them, by the kernel's test device.

use std::fs::File;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::super::extents::physical_address;
use super::super::mounting::claims;
use super::{expect_all_right, expect_files, expect_in_place, map_all, mount_anew};
use crate::image::{mount_image, MOUNT};
use crate::sample::{SampleFile, HUGE_FILE, PAGE, WIDE_FILE};
use crate::sys::{self, Map};

/// `struct pin_longterm_test`.
#[repr(C)]
struct Request {
    address: u64,
    size: u64,
    flags: u32,
}

/// `struct gup_test`.
#[repr(C)]
#[derive(Default)]
struct Test {
    times: [u64; 2],
    address: u64,
    size: u64,
    pages_per_call: u32,
    gup_flags: u32,
    test_flags: u32,
    pages: [u32; 8],
}

const START: u64 = 0x4018_6707;
const STOP: u64 = 0x6708;
const READ: u64 = 0x4008_6709;
const DUMP: u64 = 0xc050_6706;
const BENCHMARK: u64 = 0xc050_6703;

const FOR_WRITING: u32 = 1;
const FAST: u32 = 2;

/// The device. It unpins when it is closed.
struct Device(File);

impl Device {
    fn open() -> Result<Self> {
        let path = "/sys/kernel/debug/gup_test";
        let file = File::options().read(true).write(true).open(path);
        Ok(Self(file.context("cannot open the test device")?))
    }

    /// Pins whole pages of a mapping.
    fn pin(&self, map: &Map, flags: u32) -> Result<()> {
        let size = u64::try_from(map.length())?;
        let mut request = Request {
            address: u64::try_from(map.address().addr())?,
            size,
            flags,
        };
        sys::ioctl(&self.0, START, &mut request)
    }

    /// Returns the bytes of the pinned pages.
    fn bytes(&self, length: u64) -> Result<Vec<u8>> {
        let buffer = Map::anonymous(length)?;
        let mut address = u64::try_from(buffer.address().addr())?;
        sys::ioctl(&self.0, READ, &mut address)?;
        buffer.bytes()
    }

    fn unpin(&self) -> Result<()> {
        sys::ioctl(&self.0, STOP, &mut 0_u64)
    }
}

/// A pin through a shared mapping is one of the memory itself: the kernel prints the numbers of the
/// pinned pages.
pub(super) fn long_term() -> Result<()> {
    let device = Device::open()?;
    for file in [WIDE_FILE, HUGE_FILE] {
        let map = map_all(file, MAP_SHARED)?;
        for flags in [0, FAST] {
            device.pin(&map, flags)?;
            file.expect(&device.bytes(file.size)?, 0)?;
            device.unpin()?;
        }
        expect_pinned_in_place(&device, file, &map)?;
        let mut test = Test {
            address: u64::try_from(map.address().addr())?,
            size: file.size,
            pages_per_call: 16,
            ..Test::default()
        };
        sys::ioctl(&device.0, BENCHMARK, &mut test)?;
        ensure!(test.size == file.size, "{} bytes pinned", test.size);
        expect_in_place(file, &map)?;
    }
    drop(device);
    expect_all_right()
}

/// Has the kernel print the third page as it pins it for long, and looks for its number.
fn expect_pinned_in_place(device: &Device, file: SampleFile, map: &Map) -> Result<()> {
    const LONG_TERM: u32 = 0x100;
    const USE_PIN: u32 = 1;
    let mut test = Test {
        address: u64::try_from(map.address().addr())?,
        size: 4 * PAGE,
        pages_per_call: 4,
        gup_flags: LONG_TERM,
        test_flags: USE_PIN,
        pages: [3, 0, 0, 0, 0, 0, 0, 0],
        ..Test::default()
    };
    sys::ioctl(&device.0, DUMP, &mut test)?;
    let number = physical_address(file.name)? / PAGE + 2;
    let log = sys::kernel_log()?;
    let said = log.rsplit("page #2, starting").next().unwrap_or_default();
    ensure!(
        said.contains(&format!("pfn:{number:#x}")),
        "page {number:#x} is not the one that is pinned: {said}"
    );
    Ok(())
}

/// Pinned pages stay what they are after the unmount, and a new mount takes them over.
pub(super) fn outlive() -> Result<()> {
    for file in [WIDE_FILE, HUGE_FILE] {
        let device = Device::open()?;
        device.pin(&map_all(file, MAP_SHARED)?, 0)?;
        sys::unmount(MOUNT, 0)?;
        ensure!(claims()? == 1, "given back while pages are pinned");
        file.expect(&device.bytes(file.size)?, 0)?;
        mount_image()?;
        ensure!(claims()? == 1, "two claims");
        expect_files()?;
        device.unpin()?;
        expect_all_right()?;
    }
    Ok(())
}

/// A pin through a private mapping is one of a private copy. One for writing through a shared
/// mapping is refused.
pub(super) fn of_copies() -> Result<()> {
    let device = Device::open()?;
    for file in [WIDE_FILE, HUGE_FILE] {
        let private = file.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        device.pin(&private, FOR_WRITING)?;
        private.write(0, !private.touch(0));
        let bytes = device.bytes(file.size)?;
        ensure!(bytes[0] == private.touch(0), "the copy is another one");
        file.expect(&bytes[1..], 1)?;
        drop(private);
        file.expect_read()?;
        // Nothing of the image is pinned.
        mount_anew()?;
        device.unpin()?;
        let private = map_all(file, MAP_PRIVATE)?;
        device.pin(&private, 0)?;
        file.expect(&device.bytes(file.size)?, 0)?;
        drop(private);
        mount_anew()?;
        device.unpin()?;
        let shared = map_all(file, MAP_SHARED)?;
        sys::expect_errno("writing", device.pin(&shared, FOR_WRITING), libc::EFAULT)?;
    }
    expect_all_right()
}
