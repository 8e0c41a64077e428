// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of directory entries.

use crate::limits::MAX_NAME;

/// A buffer for a name.
#[derive(Clone, Debug)]
pub struct NameBuf {
    pub(super) length: u8,
    pub(super) bytes: [u8; MAX_NAME],
}

impl NameBuf {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            length: 0,
            bytes: [0; MAX_NAME],
        }
    }

    /// The name that was read last.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl Default for NameBuf {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns true if a directory entry may have this name.
#[inline]
#[must_use]
pub fn is_valid_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && name.len() <= MAX_NAME && !has_separator(name)
}

/// Returns true if any byte is a NUL or a slash. Takes word by word without an early exit: byte by
/// byte, a listing spent as much time here as on all the rest.
pub(super) fn has_separator(bytes: &[u8]) -> bool {
    let mut words = bytes.chunks_exact(8);
    let whole = words.by_ref().fold(0, |found, word| {
        found
            | separators(
                word.first_chunk()
                    .map_or(0, |word| u64::from_le_bytes(*word)),
            )
    });
    whole != 0
        || words
            .remainder()
            .iter()
            .any(|&byte| byte == 0 || byte == b'/')
}

/// A mask with the upper bit of the lowest byte of a word that is a NUL, of the lowest byte that is
/// a slash, and perhaps of some above these.
#[inline]
fn separators(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const SLASHES: u64 = u64::from_le_bytes([b'/'; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    zeros(word) | zeros(word ^ SLASHES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_cannot_hold_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"a\0b", &[b'x'; 256]] {
            assert!(!is_valid_name(name), "{name:?}");
        }
        for name in [&b"..."[..], b"\xff\xfe", b" ", &[b'x'; 255]] {
            assert!(is_valid_name(name), "{name:?}");
        }
    }

    /// The search goes by words of eight bytes: each index in a word and each length matters.
    #[test]
    fn a_separator_is_found_wherever_it_is() {
        for length in 3..40 {
            let name: Vec<u8> = (1..=length).map(|i| 0x2e + (i % 2) * 0xd1).collect();
            let name: Vec<u8> = name
                .iter()
                .map(|&b| if b == b'/' { b'0' } else { b })
                .collect();
            assert!(is_valid_name(&name), "{name:?}");
            for at in 0..name.len() {
                for byte in [0, b'/'] {
                    let mut name = name.clone();
                    name[at] = byte;
                    assert!(!is_valid_name(&name), "{name:?}");
                }
                // Two at the same index of neighbouring words must not cancel each other.
                let mut twice = name.clone();
                twice[at] = b'/';
                if let Some(byte) = twice.get_mut(at + 8) {
                    *byte = b'/';
                    assert!(!is_valid_name(&twice), "{twice:?}");
                }
                for byte in [1, 0x2e, 0x30, 0x7f, 0x80, 0xaf, 0xff] {
                    let mut name = name.clone();
                    name[at] = byte;
                    assert!(is_valid_name(&name), "{name:?}");
                }
            }
        }
    }
}
