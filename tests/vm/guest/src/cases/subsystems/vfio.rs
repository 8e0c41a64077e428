// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices of user space: VFIO pins the pages that a device may access.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{ensure, Context, Result};
use libc::{MAP_PRIVATE, MAP_SHARED};

use super::super::mounting::claims;
use super::{expect_all_right, expect_files, map_all, order};
use crate::image::{mount_image, MOUNT};
use crate::sample::{HUGE_FILE, WIDE_FILE};
use crate::sys::{self, read_text, Map};

const SET_IOMMU: u64 = 0x3b66;
const SET_CONTAINER: u64 = 0x3b68;
const MAP_DMA: u64 = 0x3b71;
const UNMAP_DMA: u64 = 0x3b72;

/// The first type of IOMMU.
const TYPE_1: usize = 1;

const READABLE: u32 = 1;

/// `struct vfio_iommu_type1_dma_map`.
#[repr(C)]
struct MapRequest {
    length: u32,
    flags: u32,
    address: u64,
    device_address: u64,
    size: u64,
}

/// `struct vfio_iommu_type1_dma_unmap`.
#[repr(C)]
struct UnmapRequest {
    length: u32,
    flags: u32,
    device_address: u64,
    size: u64,
}

/// A container with the group of QEMU's educational device.
struct Container {
    file: File,
    _group: File,
}

impl Container {
    fn open() -> Result<Self> {
        // The emulated IOMMU does not remap interrupts.
        let permit = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
        order(permit, "1")?;
        let open = |path: &str| {
            let file = File::options().read(true).write(true).open(path);
            file.with_context(|| format!("cannot open {path}"))
        };
        let group = open(&format!("/dev/vfio/{}", group_of_device()?))?;
        let file = open("/dev/vfio/vfio")?;
        sys::ioctl(&group, SET_CONTAINER, &mut file.as_raw_fd()).context("the container")?;
        let fd = usize::try_from(file.as_raw_fd())?;
        let request = usize::try_from(SET_IOMMU)?;
        sys::syscall(libc::SYS_ioctl, [fd, request, TYPE_1, 0, 0]).context("the IOMMU")?;
        Ok(Self {
            file,
            _group: group,
        })
    }

    /// Lets the device read a mapping, from its own address 0 on.
    fn map(&self, map: &Map) -> Result<u64> {
        let size = u64::try_from(map.length())?;
        let mut request = MapRequest {
            length: u32::try_from(size_of::<MapRequest>())?,
            flags: READABLE,
            address: u64::try_from(map.address().addr())?,
            device_address: 0,
            size,
        };
        sys::ioctl(&self.file, MAP_DMA, &mut request)?;
        Ok(size)
    }

    fn unmap(&self, size: u64) -> Result<()> {
        let mut request = UnmapRequest {
            length: u32::try_from(size_of::<UnmapRequest>())?,
            flags: 0,
            device_address: 0,
            size,
        };
        sys::ioctl(&self.file, UNMAP_DMA, &mut request)?;
        ensure!(request.size == size, "{} bytes unmapped", request.size);
        Ok(())
    }
}

/// Binds the device to vfio-pci. Returns the number of its group.
fn group_of_device() -> Result<String> {
    let device = device()?;
    if !device.join("driver").exists() {
        order("/sys/bus/pci/drivers/vfio-pci/new_id", "1234 11e8")?;
    }
    let group = fs::read_link(device.join("iommu_group")).context("no IOMMU")?;
    let name = group.file_name().and_then(|name| name.to_str());
    Ok(name.context("a group without a number")?.to_owned())
}

fn device() -> Result<PathBuf> {
    for entry in fs::read_dir("/sys/bus/pci/devices")? {
        let path = entry?.path();
        if read_text(path.join("device"))?.trim() == "0x11e8" {
            return Ok(path);
        }
    }
    anyhow::bail!("no device of the kind")
}

/// Pages that a device may access stay until it may not, whatever becomes of mapping and mount, and
/// no longer.
pub(super) fn pin() -> Result<()> {
    let container = Container::open()?;
    for file in [WIDE_FILE, HUGE_FILE] {
        // Through a private mapping it pins copies.
        for (flags, pinned) in [(MAP_SHARED, 1), (MAP_PRIVATE, 0)] {
            let size = container.map(&map_all(file, flags)?)?;
            sys::unmount(MOUNT, 0)?;
            let kept = claims()?;
            ensure!(
                kept == pinned,
                "{kept} claims while a device may access pages"
            );
            mount_image()?;
            expect_files()?;
            container.unmap(size)?;
            expect_all_right().context(file.name)?;
        }
    }
    // What a process leaves behind goes with it.
    sys::in_child(|| {
        container.map(&map_all(HUGE_FILE, MAP_SHARED)?)?;
        Ok(())
    })?;
    drop(container);
    expect_all_right()
}
