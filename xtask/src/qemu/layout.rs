// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses of images in a guest's memory.
//!
//! QEMU puts the initramfs as high as the kernel allows, which is below 2 GiB, and the memory of
//! devices below 4 GiB. It writes the initramfs last, over whatever is there.

use std::ops::Range;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The alignment of images in memory, in bytes.
const ALIGNMENT: u64 = 2 * MIB;

/// The first address of images: low enough for any machine, high enough for the kernel to lie
/// below.
const FIRST: u64 = 512 * MIB;

/// The addresses of the initramfs, which `initrd_addr_max` of the kernel's header ends.
const INITRAMFS: Range<u64> = 2 * GIB - 128 * MIB..2 * GIB;

/// The addresses of devices. QEMU puts the rest of a large machine's memory behind them.
const DEVICES: Range<u64> = 3 * GIB..4 * GIB;

/// The memory of a guest, as it is handed out to images.
#[derive(Debug)]
pub(super) struct Layout {
    end: u64,
}

impl Layout {
    /// Returns a layout without images.
    pub(super) const fn new() -> Self {
        Self { end: FIRST }
    }

    /// Takes memory for an image of `length` bytes; returns the address and the size taken, in
    /// bytes.
    pub(super) fn take(&mut self, length: u64) -> (u64, u64) {
        let size = length.next_multiple_of(ALIGNMENT);
        let mut address = self.end;
        for taken in [INITRAMFS, DEVICES] {
            if address < taken.end && taken.start < address + size {
                address = taken.end;
            }
        }
        self.end = address + size;
        (address, size)
    }

    /// Returns true if all images lie below the addresses of devices, so that addresses are offsets
    /// into the RAM.
    pub(super) const fn is_contiguous(&self) -> bool {
        self.end <= DEVICES.start
    }

    /// Returns the size in MiB of the machine's memory that leaves the kernel `above` bytes behind
    /// the images.
    pub(super) fn memory(&self, above: u64) -> u64 {
        let devices = if self.end > DEVICES.end {
            DEVICES.end - DEVICES.start
        } else {
            0
        };
        (self.end - devices + above).div_ceil(MIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_follow_each_other() {
        let mut layout = Layout::new();
        assert_eq!(layout.take(1), (512 * MIB, 2 * MIB));
        assert_eq!(layout.take(3 * MIB), (514 * MIB, 4 * MIB));
        assert_eq!(layout.memory(MIB), 519);
        assert!(layout.is_contiguous());
    }

    #[test]
    fn no_image_lies_where_the_initramfs_or_devices_lie() {
        let mut layout = Layout::new();
        assert_eq!(layout.take(1408 * MIB).0, FIRST);
        assert_eq!(layout.take(2 * MIB).0, 2 * GIB);
        let mut layout = Layout::new();
        assert_eq!(layout.take(1000 * MIB).0, FIRST);
        assert_eq!(layout.take(500 * MIB).0, 2 * GIB);
        assert!(layout.is_contiguous());
        assert_eq!(layout.take(600 * MIB).0, 4 * GIB);
        assert!(!layout.is_contiguous());
        assert_eq!(layout.memory(MIB), 3 * 1024 + 600 + 1);
        assert_eq!(Layout::new().take(1410 * MIB).0, 4 * GIB);
    }
}
