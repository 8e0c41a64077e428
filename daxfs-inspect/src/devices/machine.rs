// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files of a machine that describe its devices.

use std::fs;
use std::path::{Path, PathBuf};

use super::iomem::Iomem;
use crate::console::Console;

/// The files of a machine.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    pub(super) iomem: Iomem,
}

impl Machine {
    pub(super) fn new(root: &Path, console: &mut Console<'_>) -> Self {
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
                "addresses in /proc/iomem are visible to root only: reserved memory is not listed, \
                 and memory that is in use may be offered",
            );
        }
        let root = root.to_owned();
        Self { root, iomem }
    }

    pub(super) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// The directories of the devices of a bus, sorted by name.
    pub(super) fn devices(&self, bus: &str) -> Vec<PathBuf> {
        // A bus that the kernel does not support has no devices.
        let entries = fs::read_dir(self.path("sys/bus").join(bus).join("devices"));
        let entries = entries.into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }
}

/// An attribute of a device, without the line's end.
pub(super) fn attribute(device: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(device.join(name)).ok()?;
    Some(text.trim_end().to_owned())
}

/// An attribute that is a number, decimal or after `0x`.
pub(super) fn number(device: &Path, name: &str) -> Option<u64> {
    parse_number(&attribute(device, name)?)
}

pub(super) fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The driver that a device is bound to.
pub(super) fn driver(device: &Path) -> Option<String> {
    let target = fs::read_link(device.join("driver")).ok()?;
    Some(target.file_name()?.to_string_lossy().into_owned())
}

/// The last part of a path.
pub(super) fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
