// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory BARs of PCI devices.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use super::candidate::{Candidate, Kind};
use super::machine::{attribute, base_name, driver, parse_number, Machine};
use super::probe::{self, Contents};
use super::range::Range;

/// Flags of a resource in the kernel.
const MEMORY: u64 = 0x200;
const PREFETCHABLE: u64 = 0x2000;

/// The offset of the command register in configuration space, and its bit that enables memory BARs.
const COMMAND: usize = 4;
const MEMORY_ENABLED: u8 = 2;

/// A BAR as the kernel describes it.
struct Bar {
    number: usize,
    range: Range,
    is_prefetchable: bool,
}

/// The BARs of this machine that are large enough.
#[must_use]
pub fn list(machine: &Machine) -> Vec<Candidate> {
    let devices = machine.devices("pci");
    let all = devices.iter().flat_map(|device| {
        let bars = bars(device).into_iter();
        bars.map(move |bar| candidate(machine, device, &bar))
    });
    all.collect()
}

/// The memory BARs of a device that a mount could take.
fn bars(device: &Path) -> Vec<Bar> {
    let text = fs::read_to_string(device.join("resource")).unwrap_or_default();
    // After the six BARs come the expansion ROM and the windows of bridges.
    let lines = text.lines().take(6).enumerate();
    lines
        .filter_map(|(number, line)| Bar::parse(number, line))
        .filter(|bar| bar.range.mountable().is_some())
        .collect()
}

impl Bar {
    fn parse(number: usize, line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(parse_number);
        let (start, last, flags) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (flags & MEMORY != 0 && start < last).then_some(Self {
            number,
            range: Range { start, last },
            is_prefetchable: flags & PREFETCHABLE != 0,
        })
    }
}

fn candidate(machine: &Machine, device: &Path, bar: &Bar) -> Candidate {
    let address = base_name(device);
    let driver = driver(device);
    let holder = machine.iomem.holder(bar.range, &address);
    let obstacle = obstacle(device, driver.as_deref(), holder);
    let contents = match &obstacle {
        Some(reason) => Contents::NotRead(reason.clone()),
        None if !bar.is_prefetchable => {
            Contents::NotRead("not prefetchable: reads may have side effects".to_owned())
        }
        None => probe::mapped(
            &device.join(format!("resource{}", bar.number)),
            0,
            bar.range,
        ),
    };
    let kind = if bar.is_prefetchable {
        "prefetchable"
    } else {
        "not prefetchable"
    };
    Candidate {
        kind: Kind::PciBar,
        name: format!("{address} BAR {}", bar.number),
        details: vec![id(device), kind.to_owned()],
        range: bar.range,
        driver,
        holder: holder.map(str::to_owned),
        obstacle,
        contents,
    }
}

fn obstacle(device: &Path, driver: Option<&str>, holder: Option<&str>) -> Option<String> {
    if let Some(driver) = driver {
        return Some(format!("in use by the driver {driver}"));
    }
    if let Some(holder) = holder {
        return Some(format!("in use by {holder}"));
    }
    if responds(device) {
        return None;
    }
    let enable = device.join("enable");
    Some(format!("switched off; echo 1 > {}", enable.display()))
}

/// Vendor and device.
fn id(device: &Path) -> String {
    let part = |name| {
        let text = attribute(device, name).unwrap_or_default();
        text.trim_start_matches("0x").to_owned()
    };
    format!("{}:{}", part("vendor"), part("device"))
}

/// Returns true if the device responds at the addresses of its memory BARs.
fn responds(device: &Path) -> bool {
    let mut header = [0; COMMAND + 1];
    let read = File::open(device.join("config")).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[COMMAND] & MEMORY_ENABLED != 0
}
