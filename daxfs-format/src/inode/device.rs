// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device numbers.

/// A device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rdev {
    /// The major number, below 2^12.
    pub major: u32,
    /// The minor number, below 2^20.
    pub minor: u32,
}

impl Rdev {
    /// Decodes the 32-bit form of Linux (`new_decode_dev`).
    #[must_use]
    pub const fn decode(raw: u32) -> Self {
        Self {
            major: (raw >> 8) & 0xfff,
            minor: (raw & 0xff) | ((raw >> 12) & 0xf_ff00),
        }
    }

    /// Encodes it in the 32-bit form of Linux, or `None` if a number is too large.
    #[must_use]
    pub const fn encode(self) -> Option<u32> {
        if self.major > 0xfff || self.minor > 0xf_ffff {
            return None;
        }
        Some((self.minor & 0xff) | (self.major << 8) | ((self.minor & 0xf_ff00) << 12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_survive_the_32_bit_form() {
        for (major, minor) in [(0, 0), (8, 1), (0xfff, 0xf_ffff), (259, 0x1_2345)] {
            let rdev = Rdev { major, minor };
            assert_eq!(rdev.encode().map(Rdev::decode), Some(rdev));
        }
        assert_eq!(
            Rdev {
                major: 0x1000,
                minor: 0
            }
            .encode(),
            None
        );
        assert_eq!(
            Rdev {
                major: 0,
                minor: 0x10_0000
            }
            .encode(),
            None
        );
    }
}
