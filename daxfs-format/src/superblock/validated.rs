// SPDX-License-Identifier: MIT OR Apache-2.0
//! A validated superblock.

use crate::ids::Ino;
use crate::section::Sections;

/// A validated superblock.
///
/// # Invariants
/// Its sections lie in ascending order, without overlap, within `image_size` bytes, which the
/// memory has; the page shift is within [`PAGE_SHIFTS`](crate::limits::PAGE_SHIFTS).
#[derive(Clone, Debug)]
pub struct Superblock {
    pub(super) version_minor: u16,
    pub(super) image_size: u64,
    pub(super) uuid: [u8; 16],
    pub(super) label: [u8; 64],
    pub(super) page_shift: u32,
    pub(super) root: Ino,
    pub(super) sections: Sections,
}

impl Superblock {
    /// The minor version of the program that wrote the image.
    #[must_use]
    pub fn version_minor(&self) -> u16 {
        self.version_minor
    }

    /// The length of the image in bytes.
    #[must_use]
    pub fn image_size(&self) -> u64 {
        self.image_size
    }

    /// The UUID, in the byte order of RFC 9562.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// The label without its padding: 0 to 64 bytes of any value but zero.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        self.label
            .split(|&byte| byte == 0)
            .next()
            .unwrap_or_default()
    }

    /// The page size of the data alignment, as a power of two.
    #[must_use]
    pub fn page_shift(&self) -> u32 {
        self.page_shift
    }

    /// The page size of the data alignment, in bytes.
    #[must_use]
    pub fn page_size(&self) -> u64 {
        1_u64.checked_shl(self.page_shift).unwrap_or_default()
    }

    /// The inode number of the root directory.
    #[must_use]
    pub fn root(&self) -> Ino {
        self.root
    }

    /// The sections of known kinds.
    #[must_use]
    pub fn sections(&self) -> &Sections {
        &self.sections
    }
}
