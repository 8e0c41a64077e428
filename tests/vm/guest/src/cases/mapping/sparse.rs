// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mappings of sparse files: extents are mapped in place, holes through the page cache.

use anyhow::{ensure, Result};
use libc::{c_int, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};

use super::super::extents::physical_address;
use super::huge::stretches;
use super::touch_all;
use crate::pattern;
use crate::sample::{
    SampleFile, HOLED_PIECES, HOLED_SIZE, HUGE, MIB, PAGE, SPARSE_PIECES, SPARSE_SIZE,
};
use crate::sys::{drop_caches, faults, Map};

/// A sparse file.
#[derive(Clone, Copy)]
struct Sparse {
    file: SampleFile,
    /// Offset and length of each extent.
    extents: &'static [(u64, u64)],
}

const SPARSE_FILES: [Sparse; 3] = [
    Sparse {
        file: SampleFile::new("sparse", 23, SPARSE_SIZE),
        extents: &SPARSE_PIECES,
    },
    HOLED,
    Sparse {
        file: SampleFile::new("hole", 25, 10 * MIB),
        extents: &[],
    },
];

const HOLED: Sparse = Sparse {
    file: SampleFile::new("holed", 26, HOLED_SIZE),
    extents: &HOLED_PIECES,
};

impl Sparse {
    /// The bytes that a mapping of the whole file shows: zeros in holes and behind the end.
    fn content(self) -> Result<Vec<u8>> {
        let size = self.file.size.next_multiple_of(PAGE);
        let mut bytes = vec![0; usize::try_from(size)?];
        for &(offset, length) in self.extents {
            let extent = pattern::bytes(self.file.seed, offset, usize::try_from(length)?);
            let start = usize::try_from(offset)?;
            bytes[start..start + extent.len()].copy_from_slice(&extent);
        }
        Ok(bytes)
    }

    fn map(self, protection: c_int, flags: c_int) -> Result<Map> {
        let end = self.file.size.next_multiple_of(PAGE);
        self.file.map_part(0..end, protection, flags)
    }

    /// Returns true if the page at an offset has bytes in the image.
    fn has_bytes(self, offset: u64) -> bool {
        let mut extents = self.extents.iter();
        extents.any(|&(start, length)| (start..start + length).contains(&offset))
    }

    /// Fails unless a mapping of the whole file shows its content.
    fn expect(self, map: &Map, wanted: &[u8], when: &str) -> Result<()> {
        ensure!(
            map.bytes()? == wanted,
            "{}: other bytes {when}",
            self.file.name
        );
        Ok(())
    }
}

pub(super) fn sparse() -> Result<()> {
    for file in SPARSE_FILES {
        let wanted = file.content()?;
        for flags in [MAP_SHARED, MAP_PRIVATE, MAP_PRIVATE | libc::MAP_POPULATE] {
            let whole = file.map(PROT_READ, flags)?;
            file.expect(&whole, &wanted, &format!("with {flags}"))?;
            ensure!(
                whole.resident()? == whole.length() / 4096,
                "{}: a page that was read is not there",
                file.file.name
            );
            whole.sync()?;
            whole.advise(libc::MADV_DONTNEED)?;
            file.expect(&whole, &wanted, &format!("with {flags}, read again"))?;
        }
        // Backwards, so that each fault meets pages that are mapped already.
        let whole = file.map(PROT_READ, MAP_SHARED)?;
        for offset in (0..whole.length()).step_by(1111).rev() {
            ensure!(
                whole.touch(offset) == wanted[offset],
                "{}: another byte at {offset}",
                file.file.name
            );
        }
    }
    Ok(())
}

/// The page cache holds the holes that were touched, and nothing else. mincore(2) on a mapping that
/// was not touched shows the contents of the cache.
pub(super) fn sparse_in_place() -> Result<()> {
    for file in SPARSE_FILES {
        drop_caches()?;
        let whole = file.map(PROT_READ, MAP_PRIVATE)?;
        touch_all(&whole)?;
        let cached = file.map(PROT_READ, MAP_PRIVATE)?.residents()?;
        for (offset, cached) in (0..).step_by(usize::try_from(PAGE)?).zip(cached) {
            ensure!(
                cached != file.has_bytes(offset),
                "{} at {offset:#x}: in the page cache: {cached}",
                file.file.name
            );
        }
    }
    Ok(())
}

pub(super) fn sparse_huge() -> Result<()> {
    let file = HOLED;
    let start = physical_address(file.file.name)?;
    let length = file.extents[0].1;
    let entries = stretches(start, length);
    let whole = file.map(PROT_READ, MAP_PRIVATE)?;
    let before = faults()?;
    for offset in (0..usize::try_from(length)?).step_by(usize::try_from(PAGE)?) {
        whole.touch(offset);
    }
    let count = faults()? - before;
    let small = (length / PAGE - entries * (HUGE / PAGE)).div_ceil(16);
    println!("{entries} huge entries in 5 MiB at {start:#x}, {count} faults");
    ensure!(entries >= 1, "no stretch of 2 MiB in 5 MiB");
    ensure!(
        count <= i64::try_from(entries + small + 3)?,
        "{count} faults for {entries} entries and {small} windows"
    );
    file.expect(&whole, &file.content()?, "")
}

/// Writes are private in holes and in extents, and the first touch may be one.
pub(super) fn sparse_private() -> Result<()> {
    for file in SPARSE_FILES {
        let wanted = file.content()?;
        let mine = file.map(PROT_READ | PROT_WRITE, MAP_PRIVATE)?;
        let mut expected = wanted.clone();
        for offset in (0..mine.length()).step_by(3 * 4096 + 5) {
            mine.write(offset, 0xa5);
            expected[offset] = 0xa5;
        }
        file.expect(&mine, &expected, "after writes")?;
        let other = file.map(PROT_READ, MAP_SHARED)?;
        file.expect(&other, &wanted, "in another mapping")?;
    }
    Ok(())
}
