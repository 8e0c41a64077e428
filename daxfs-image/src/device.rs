// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory of a device as the memory of an image: the BAR of a PCI device through sysfs, a DAX
//! device, reserved memory through `/dev/mem`.
//!
//! Such files can be mapped, but not read. Nothing is borrowed from the map: each byte is copied by
//! one load, which the compiler can neither repeat nor omit.

use std::fmt;
use std::fs::File;
use std::io;

use daxfs_format::{Memory, ReadFault};
use memmap2::{MmapOptions, MmapRaw};

/// A part of a device's memory, mapped for reading.
pub struct DeviceMemory(MmapRaw);

impl DeviceMemory {
    /// Maps `length` bytes from `offset` on, which is a multiple of the page size.
    ///
    /// # Errors
    /// Those of `mmap`.
    pub fn map(file: &File, offset: u64, length: usize) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.offset(offset).len(length);
        options.map_raw_read_only(file).map(Self)
    }
}

impl Memory for DeviceMemory {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        let fault = ReadFault::of(offset, into);
        let start = usize::try_from(offset).map_err(|_| fault)?;
        let end = start.checked_add(into.len()).ok_or(fault)?;
        if end > self.0.len() {
            return Err(fault);
        }
        for (at, byte) in (start..end).zip(into) {
            *byte = self.load(at);
        }
        Ok(())
    }
}

impl DeviceMemory {
    /// Loads one byte. Panics if `at` is outside the map.
    #[allow(
        unsafe_code,
        reason = "memory that others write is read through a raw pointer"
    )]
    fn load(&self, at: usize) -> u8 {
        assert!(at < self.0.len(), "outside the map");
        // SAFETY: `at` is less than the length of the map, as was asserted. The map is one
        // allocation, so the offset stays within it and does not overflow.
        let byte = unsafe { self.0.as_ptr().add(at) };
        // SAFETY: the byte lies in a map that was made readable and lives as long as `self`. A `u8`
        // has no alignment and every value of it is valid. No reference to the map exists, and a
        // volatile load of one byte yields some value, whatever writes to it. A missing page raises
        // a signal.
        unsafe { byte.read_volatile() }
    }
}

impl fmt::Debug for DeviceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeviceMemory").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics fails")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn reads_stay_within_the_part_that_was_mapped() {
        let path = std::env::temp_dir().join(format!("daxfs-device-{}", std::process::id()));
        let bytes: Vec<u8> = (0_u32..12288)
            .map(|n| (n / 4096 + n % 7).to_le_bytes()[0])
            .collect();
        fs::write(&path, &bytes).unwrap();
        let memory = DeviceMemory::map(&File::open(&path).unwrap(), 4096, 4096).unwrap();
        fs::remove_file(&path).unwrap();
        let mut found = [0; 100];
        memory.read(3996, &mut found).unwrap();
        assert_eq!(found, bytes[8092..8192]);
        assert!(memory.read(3997, &mut found).is_err());
        assert!(memory.read(u64::MAX, &mut found).is_err());
        assert_eq!(memory.size(), 4096);
    }
}
