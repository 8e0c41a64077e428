// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that this guest shares with others: BAR 2 of QEMU's ivshmem devices, PCI 1af4:1110.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use libc::{MAP_SHARED, PROT_READ, PROT_WRITE};

use crate::sys::read_text;
use crate::sys::Map;

const DEVICES: &str = "/sys/bus/pci/devices";
const VENDOR: &str = "0x1af4";
const DEVICE: &str = "0x1110";

/// The BAR of such a device.
#[derive(Debug)]
pub(crate) struct Bar {
    directory: PathBuf,
    /// The physical address.
    pub(crate) address: u64,
    /// Its length in bytes.
    pub(crate) size: u64,
}

impl Bar {
    /// The BARs of all such devices, in the order of the devices.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let devices = fs::read_dir(DEVICES).with_context(|| format!("cannot list {DEVICES}"))?;
        let mut directories = devices
            .map(|device| Ok(device?.path()))
            .collect::<Result<Vec<_>>>()?;
        directories.sort();
        let mut bars = Vec::new();
        for directory in directories {
            if is_ivshmem(&directory)? {
                bars.push(Self::of(directory)?);
            }
        }
        Ok(bars)
    }

    /// The BAR of the device with this number.
    pub(crate) fn nth(number: usize) -> Result<Self> {
        let found = Self::all()?.into_iter().nth(number);
        found.with_context(|| format!("this guest has no shared memory {number}"))
    }

    fn of(directory: PathBuf) -> Result<Self> {
        let text = read_text(directory.join("resource"))?;
        // A line for each BAR: first address, last address, flags.
        let line = text.lines().nth(2).context("no line for BAR 2")?;
        let numbers = line
            .split(' ')
            .map(|number| u64::from_str_radix(number.trim_start_matches("0x"), 16))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some(&address), Some(&last)) = (numbers.first(), numbers.get(1)) else {
            anyhow::bail!("cannot read {line:?}");
        };
        Ok(Self {
            directory,
            address,
            size: last - address + 1,
        })
    }

    /// Maps the memory, for reading and writing.
    pub(crate) fn map(&self) -> Result<Map> {
        let path = self.directory.join("resource2");
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        Map::new(&file, 0, self.size, PROT_READ | PROT_WRITE, MAP_SHARED)
            .context("cannot map the BAR")
    }
}

fn is_ivshmem(directory: &Path) -> Result<bool> {
    let is = |name: &str, wanted: &str| -> Result<bool> {
        Ok(read_text(directory.join(name))?.trim() == wanted)
    };
    Ok(is("vendor", VENDOR)? && is("device", DEVICE)?)
}
