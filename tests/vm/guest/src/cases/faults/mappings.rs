// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failing allocations of mmap(2) and of page faults.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::os::fd::AsRawFd;

use anyhow::{ensure, Context, Result};
use libc::{c_long, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::injector::NoTables;
use super::{exhaust, nothing, Operation};
use crate::sample::{SampleFile, BIG_FILE, HUGE_FILE, SPARSE_SIZE, WIDE_FILE};
use crate::sys::{self, drop_caches, Map};

pub(super) fn mmap() -> Result<()> {
    for sample in [WIDE_FILE, HUGE_FILE, SPARSE_FILE] {
        let SampleFile { name, size, .. } = sample;
        let (file, length) = (sample.open()?, usize::try_from(size)?);
        exhaust(Operation {
            name: &format!("mmap of {name}"),
            prepare: &nothing,
            act: &mut || map_once(&file, length),
            judge: &|_| Ok(()),
            errors: &[libc::ENOMEM],
        })?;
    }
    Ok(())
}

fn map_once(file: &File, length: usize) -> c_long {
    let fd = file.as_raw_fd();
    // SAFETY: The kernel chooses the address.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), length, PROT_READ, MAP_SHARED, fd, 0) };
    if address == libc::MAP_FAILED {
        return -1;
    }
    // SAFETY: The mapping is ours, and nothing uses it.
    unsafe { libc::munmap(address, length) };
    0
}

/// Pages of a file that are touched in a mapping.
struct Area {
    file: SampleFile,
    /// The offset in the file at which the mapping begins.
    from: u64,
    protection: i32,
    flags: i32,
}

impl Area {
    const fn of(file: SampleFile, protection: i32, flags: i32) -> Self {
        Self {
            file,
            from: 0,
            protection,
            flags,
        }
    }

    fn map(&self) -> Result<Map> {
        let range = self.from..self.file.size;
        self.file.map_part(range, self.protection, self.flags)
    }

    /// Returns the bytes that the mapping shows.
    fn content(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.file.path())?.split_off(usize::try_from(self.from)?))
    }

    fn is_written(&self) -> bool {
        self.protection & PROT_WRITE != 0
    }

    /// Touches the first pages, and one in each table behind them. Returns the offset of a page
    /// that is not the `wanted` one.
    fn touch(&self, map: &Map, wanted: &[u8]) -> Option<usize> {
        let near = (0..map.length().min(64 * 4096)).step_by(4096);
        let far = (0..map.length()).step_by(2 << 20);
        let mut wrong = None;
        for offset in near.chain(far) {
            if self.is_written() {
                map.write(offset, 1);
            }
            if wanted.get(offset + 1) != Some(&map.touch(offset + 1)) {
                wrong = Some(offset);
            }
        }
        wrong
    }
}

const SPARSE_FILE: SampleFile = SampleFile::new("sparse", 0, SPARSE_SIZE);

const AREAS: &[Area] = &[
    Area::of(WIDE_FILE, PROT_READ, MAP_SHARED),
    Area::of(HUGE_FILE, PROT_READ, MAP_PRIVATE),
    // It begins with small pages, whose table is allocated for it alone.
    Area {
        from: 4096,
        ..Area::of(HUGE_FILE, PROT_READ, MAP_SHARED)
    },
    Area::of(BIG_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE),
    Area::of(SPARSE_FILE, PROT_READ, MAP_SHARED),
    Area::of(SPARSE_FILE, PROT_READ | PROT_WRITE, MAP_PRIVATE),
];

/// A fault without memory is repeated until there is memory, and then finds the right page.
pub(super) fn touch() -> Result<()> {
    AREAS.iter().try_for_each(touch_area)
}

fn touch_area(area: &Area) -> Result<()> {
    let map = RefCell::new(area.map()?);
    let wanted = area.content()?;
    let wrong = Cell::new(None);
    let what = if area.is_written() { "write" } else { "read" };
    exhaust(Operation {
        name: &format!("{what} faults of {} from {}", area.file.name, area.from),
        prepare: &|| {
            drop_caches()?;
            map.replace(area.map()?);
            Ok(())
        },
        act: &mut || {
            wrong.set(area.touch(&map.borrow(), &wanted));
            0
        },
        judge: &|_| {
            let wrong = wrong.get();
            ensure!(wrong.is_none(), "another page at {wrong:?}");
            Ok(())
        },
        errors: &[],
    })
}

/// Faults that the kernel itself makes to fill a mapping are not repeated for ever when page tables
/// find no memory, as in a control group without any left: the call fails.
pub(super) fn populate() -> Result<()> {
    const SECONDS: u32 = 30;
    const MADV_POPULATE_READ: i32 = 22;
    let area = &Area {
        from: 4096,
        ..Area::of(HUGE_FILE, PROT_READ, MAP_SHARED)
    };
    let (advised, locked) = (area.map()?, area.map()?);
    for map in [&advised, &locked] {
        // Some tables are then for this mapping alone, wherever it lies.
        map.advise(libc::MADV_NOHUGEPAGE)?;
    }
    let file = area.file.open()?;
    // A loop in the kernel ends with this process.
    sys::alarm(SECONDS);
    let mut none = NoTables::begin()?;
    let results = (
        advised.advise(MADV_POPULATE_READ).map_err(Into::into),
        locked.lock(),
        Map::new(
            &file,
            area.from,
            area.file.size - area.from,
            area.protection,
            area.flags | libc::MAP_POPULATE,
        ),
    );
    let logged = none.log.expect_no_bug();
    drop(none);
    sys::alarm(0);
    logged?;
    let (advice, lock, populated) = results;
    sys::expect_errno("MADV_POPULATE_READ", advice, libc::ENOMEM)?;
    // mlock(2) has another error for that.
    sys::expect_errno("mlock", lock, libc::EAGAIN)?;
    // With memory, all is there.
    advised.advise(MADV_POPULATE_READ)?;
    locked.lock()?;
    let wanted = area.content()?;
    for map in [advised, locked, populated.context("MAP_POPULATE")?] {
        ensure!(map.bytes()? == wanted, "other bytes");
    }
    Ok(())
}
