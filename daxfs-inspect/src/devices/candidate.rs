// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that can hold an image.

use super::probe::Contents;
use super::range::Range;

/// What kind of memory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A memory BAR of a PCI device.
    PciBar,
    /// Memory that was taken from the kernel at boot, or that firmware keeps.
    Reserved,
    /// A persistent memory device.
    Pmem,
    /// A device whose memory programs map.
    Dax,
}

/// Memory that can hold an image.
#[derive(Debug)]
pub struct Candidate {
    /// What kind of memory it is.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// What else there is to say, for people.
    pub details: Vec<String>,
    /// Where it lies; a mount takes [`Range::mountable`] of it.
    pub range: Range,
    /// The driver of the device.
    pub driver: Option<String>,
    /// Who has claimed addresses of it.
    pub holder: Option<String>,
    /// What must be done before a mount, if anything.
    pub obstacle: Option<String>,
    /// What lies there.
    pub contents: Contents,
}

impl Candidate {
    /// The address for `phys=`, unless something is in the way.
    #[must_use]
    pub fn phys(&self) -> Option<u64> {
        match self.obstacle {
            None => self.range.mountable().map(|range| range.start),
            Some(_) => None,
        }
    }
}
