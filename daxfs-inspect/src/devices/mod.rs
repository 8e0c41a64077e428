// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect devices`: memory of this machine that can hold an image.
//!
//! | module | owns |
//! |---|---|
//! | [`pci`] | memory BARs |
//! | [`bus`] | pmem and DAX devices |
//! | [`reserved`] | memory that was reserved at boot |
//! | [`iomem`] | `/proc/iomem`: who has claimed which addresses |
//! | [`probe`] | looking for an image where that is safe |
//! | [`report`] | how it is printed |
//!
//! Everything is below a directory that stands for the root of the machine, so that a test can make
//! one up.

pub mod bus;
pub mod iomem;
pub mod pci;
pub mod probe;
pub mod report;
pub mod reserved;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::DevicesArgs;
use crate::console::Console;
use iomem::Iomem;
use probe::Contents;

/// The alignment of an image in memory, and the least that a mount takes, in bytes.
pub const ALIGNMENT: u64 = 2 << 20;

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first address.
    pub start: u64,
    /// The last address.
    pub last: u64,
}

impl Range {
    /// The range of `size` bytes from `start` on, if there is one.
    #[must_use]
    pub fn of(start: u64, size: u64) -> Option<Self> {
        let last = start.checked_add(size.checked_sub(1)?)?;
        Some(Self { start, last })
    }

    /// The length in bytes; that of all addresses is one less than it is.
    #[must_use]
    pub fn size(self) -> u64 {
        (self.last - self.start).saturating_add(1)
    }

    /// The part that a mount can take: from the first multiple of 2 MiB on, if 2 MiB are left.
    #[must_use]
    pub fn mountable(self) -> Option<Self> {
        let start = self.start.checked_next_multiple_of(ALIGNMENT)?;
        let range = Self { start, ..self };
        (start <= self.last && range.size() >= ALIGNMENT).then_some(range)
    }

    /// Whether the ranges have an address in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.start <= other.last && other.start <= self.last
    }
}

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

/// Runs the command.
///
/// # Errors
/// When the output takes nothing.
pub fn run(arguments: &DevicesArgs, console: &mut Console<'_>) -> Result<()> {
    let candidates = list(Path::new("/"), console);
    report::print(&candidates, arguments.json, console)
}

/// The candidates of the machine whose root directory is `root`, by address.
pub fn list(root: &Path, console: &mut Console<'_>) -> Vec<Candidate> {
    let machine = Machine::new(root, console);
    let mut candidates = pci::list(&machine);
    candidates.extend(bus::list(&machine));
    let others = reserved::list(&machine, &candidates);
    candidates.extend(others);
    candidates.sort_by_key(|candidate| candidate.range.start);
    candidates
}

/// The files of a machine.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    iomem: Iomem,
}

impl Machine {
    fn new(root: &Path, console: &mut Console<'_>) -> Self {
        let path = root.join("proc/iomem");
        let iomem = match fs::read_to_string(&path) {
            Ok(text) => Iomem::parse(&text),
            Err(error) => {
                console.problem(format_args!("cannot read {}: {error}", path.display()));
                Iomem::default()
            }
        };
        if iomem.is_veiled() {
            console.problem(
                "addresses in /proc/iomem are shown to root only: reserved memory is not listed, \
                 and memory that is in use may be offered",
            );
        }
        let root = root.to_owned();
        Self { root, iomem }
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// The directories of the devices of a bus, sorted by name.
    fn devices(&self, bus: &str) -> Vec<PathBuf> {
        // A bus that this kernel does not know has no devices.
        let entries = fs::read_dir(self.path("sys/bus").join(bus).join("devices"));
        let entries = entries.into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }
}

/// An attribute of a device, without the line's end.
fn attribute(device: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(device.join(name)).ok()?;
    Some(text.trim_end().to_owned())
}

/// An attribute that is a number, decimal or after `0x`.
fn number(device: &Path, name: &str) -> Option<u64> {
    parse_number(&attribute(device, name)?)
}

fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The driver that a device is bound to.
fn driver(device: &Path) -> Option<String> {
    let target = fs::read_link(device.join("driver")).ok()?;
    Some(target.file_name()?.to_string_lossy().into_owned())
}

/// The last part of a path.
fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
