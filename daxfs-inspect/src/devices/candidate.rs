// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that can hold an image.

use super::probe::Contents;
use super::range::Range;

/// The kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A memory BAR of a PCI device.
    PciBar,
    /// Memory that was reserved at boot, or by firmware.
    Reserved,
    /// A persistent memory device.
    Pmem,
    /// A DAX device.
    Dax,
}

/// Memory that can hold an image.
#[derive(Debug)]
pub struct Candidate {
    /// The kind of memory.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// Further details, for text.
    pub details: Vec<String>,
    /// The addresses; a mount takes [`Range::mountable`] of them.
    pub range: Range,
    /// The driver of the device.
    pub driver: Option<String>,
    /// The name of the claim on addresses in it.
    pub holder: Option<String>,
    /// The obstacle to a mount, if there is one.
    pub obstacle: Option<String>,
    /// The contents.
    pub contents: Contents,
}

impl Candidate {
    /// The address for `phys=`, unless there is an obstacle.
    #[must_use]
    pub fn phys(&self) -> Option<u64> {
        match self.obstacle {
            None => self.range.mountable().map(|range| range.start),
            Some(_) => None,
        }
    }
}
