// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extents of files: lseek(2) for data and holes, and fiemap.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{ensure, Result};

use super::{at, mounting, Case};
use crate::image::phys;
use crate::sample::{BIG_FILE, HUGE_FILE, MIB, SMALL_FILE, SPARSE_PIECES, VAST_PIECE};
use crate::sys;

pub(super) const CASES: &[Case] = &[("seek-data-and-hole", seek), ("fiemap", fiemap)];

fn seek() -> Result<()> {
    let find = |name: &str, offset: u64, whence| {
        sys::seek(&File::open(at(name))?, i64::try_from(offset)?, whence)
    };
    let [(first, first_length), (second, second_length)] = SPARSE_PIECES;
    for (name, offset, whence, wanted) in [
        ("sparse", 0, libc::SEEK_DATA, first),
        ("sparse", 0, libc::SEEK_HOLE, 0),
        ("sparse", first + 5, libc::SEEK_DATA, first + 5),
        ("sparse", first + 5, libc::SEEK_HOLE, first + first_length),
        ("sparse", first + first_length, libc::SEEK_DATA, second),
        ("sparse", second, libc::SEEK_HOLE, second + second_length),
        ("big", 0, libc::SEEK_HOLE, BIG_FILE.size),
        ("big", 77, libc::SEEK_DATA, 77),
        ("small", 3, libc::SEEK_HOLE, SMALL_FILE.size),
        ("hole", 3, libc::SEEK_HOLE, 3),
        ("vast", 0, libc::SEEK_DATA, VAST_PIECE.0),
    ] {
        let found = find(name, offset, whence)?;
        ensure!(
            u64::try_from(found)? == wanted,
            "{name} from {offset}: {found}, not {wanted}"
        );
    }
    for (name, offset) in [
        ("sparse", second + second_length),
        ("hole", 0),
        ("big", BIG_FILE.size),
    ] {
        sys::expect_errno(name, find(name, offset, libc::SEEK_DATA), libc::ENXIO)?;
    }
    sys::expect_errno(
        "the end",
        find("big", BIG_FILE.size, libc::SEEK_HOLE),
        libc::ENXIO,
    )
}

/// `struct fiemap` with room for some extents.
#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
    extents: [FiemapExtent; 8],
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FiemapExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    reserved_2: [u32; 3],
}

/// The flag of a file's last extent.
const FIEMAP_EXTENT_LAST: u32 = 1;

fn extents(name: &str) -> Result<Vec<FiemapExtent>> {
    const FS_IOC_FIEMAP: u64 = 0xc020_660b;
    let file = File::open(at(name))?;
    let mut map = Fiemap {
        start: 0,
        length: u64::MAX,
        flags: 0,
        mapped: 0,
        count: 8,
        reserved: 0,
        extents: [FiemapExtent::default(); 8],
    };
    // SAFETY: The descriptor is open, and the structure has the room that it states.
    sys::check(unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, &raw mut map) })?;
    Ok(map.extents[..usize::try_from(map.mapped)?].to_vec())
}

/// Returns the physical address of a file: its first extent states the offset in the image.
pub(super) fn physical_address(name: &str) -> Result<u64> {
    let first = extents(name)?.first().map(|extent| extent.physical);
    let offset = first.ok_or_else(|| anyhow::anyhow!("{name} has no extents"))?;
    Ok(mounting::parse(&phys())? + offset)
}

/// Returns the physical address of the extent of a file that begins at an offset.
pub(super) fn physical_address_at(name: &str, offset: u64) -> Result<u64> {
    let found = extents(name)?
        .into_iter()
        .find(|extent| extent.logical == offset);
    let extent = found.ok_or_else(|| anyhow::anyhow!("{name} has no extent at {offset:#x}"))?;
    Ok(mounting::parse(&phys())? + extent.physical)
}

fn fiemap() -> Result<()> {
    let found = extents("sparse")?;
    let places: Vec<_> = found
        .iter()
        .map(|extent| (extent.logical, extent.length))
        .collect();
    ensure!(places == SPARSE_PIECES, "sparse has {places:?}");
    // It ends with a hole, so that no extent reaches its end.
    let last: Vec<_> = found
        .iter()
        .map(|extent| extent.flags & FIEMAP_EXTENT_LAST)
        .collect();
    ensure!(last == [0, FIEMAP_EXTENT_LAST], "last extents: {last:?}");
    let address = mounting::parse(&phys())?;
    for name in ["sparse", "huge", "small"] {
        let beyond = extents(name)?
            .into_iter()
            .find(|extent| extent.physical + extent.length > address);
        ensure!(beyond.is_none(), "{name}: an extent states an address");
    }
    let found = extents("huge")?;
    ensure!(
        found.len() == 1 && found[0].length == HUGE_FILE.size,
        "huge has {} extents",
        found.len()
    );
    ensure!(
        found[0].flags & FIEMAP_EXTENT_LAST != 0,
        "the last extent is not marked"
    );
    ensure!(
        found[0].physical % (2 * MIB) == 0,
        "huge lies at {:#x}",
        found[0].physical
    );
    ensure!(
        extents("empty")?.is_empty() && extents("hole")?.is_empty(),
        "extents of nothing"
    );
    let twins = [extents("twin1")?, extents("twin2")?];
    ensure!(
        twins[0][0].physical == twins[1][0].physical,
        "equal files are not shared"
    );
    Ok(())
}
