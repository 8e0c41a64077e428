// SPDX-License-Identifier: MIT OR Apache-2.0
//! A mutator of images that knows their structure.

use daxfs_format::superblock::SUPERBLOCK_SIZE;

use crate::num::to_usize;

/// Changes the metadata of an image: a structure by the bytes given, or a field by a value from
/// elsewhere in the image. `random` is consumed eight bits at a time.
pub fn mutate_image(image: &mut [u8], random: u64, bytes: &[u8]) {
    let windows = windows(image);
    let pick = |shift: u32, count: usize| to_usize((random >> shift) & 0xffff) % count.max(1);
    let Some(&(start, end, unit)) = windows.get(pick(0, windows.len())) else {
        return;
    };
    let at = start + pick(16, (end - start) / unit) * unit;
    if random >> 63 == 0 {
        let field = at + pick(32, unit / 4) * 4;
        let (from, to, _) = windows[pick(8, windows.len())];
        let source = (from + pick(40, (to - from) / 4) * 4).min(to - 4);
        let value: Vec<u8> = image[source..source + 4].to_vec();
        if let Some(room) = image.get_mut(field..field + 4) {
            room.copy_from_slice(&value);
        }
    } else if let Some(room) = image.get_mut(at..end.min(at + bytes.len().min(unit))) {
        room.copy_from_slice(&bytes[..room.len()]);
    }
}

/// Returns the ranges of metadata in an image and the length of a structure there: (start, end,
/// unit).
fn windows(image: &[u8]) -> Vec<(usize, usize, usize)> {
    let Some((block, _)) = image.split_at_checked(SUPERBLOCK_SIZE) else {
        return Vec::new();
    };
    let mut windows = vec![(0, 192, 8), (192, 192 + 9 * 64, 32)];
    for entry in block[192..192 + 60 * 64].chunks_exact(64) {
        let number = |at: usize| {
            let field = entry[at..at + 8].first_chunk().copied().unwrap_or_default();
            usize::try_from(u64::from_le_bytes(field)).unwrap_or(usize::MAX)
        };
        let unit = match entry[0] {
            1 => 64,
            5 | 6 => 32,
            2 => 16,
            _ => 8,
        };
        let start = number(8);
        let end = start.saturating_add(number(16)).min(image.len());
        if end.saturating_sub(start) >= unit {
            windows.push((start, end, unit));
        }
    }
    windows
}
