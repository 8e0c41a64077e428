// SPDX-License-Identifier: MIT OR Apache-2.0
//! Offsets in the image.

/// An offset in bytes from the start of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageOffset(pub(crate) u64);

impl ImageOffset {
    /// The offset that many bytes later.
    pub(crate) fn after(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}
