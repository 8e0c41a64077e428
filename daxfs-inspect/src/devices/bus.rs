// SPDX-License-Identifier: MIT OR Apache-2.0
//! pmem and DAX devices. Their drivers claim the memory. A mount by address can take it after the
//! driver was unbound.

use std::path::Path;

use super::candidate::{Candidate, Kind};
use super::machine::{base_name, driver, number, Machine};
use super::probe::{self, Contents};
use super::range::Range;

/// The devices of this machine that are large enough.
#[must_use]
pub fn list(machine: &Machine) -> Vec<Candidate> {
    let mut all = Vec::new();
    for device in machine.devices("nd") {
        let name = base_name(&device);
        // A namespace with an info block has a second device for the memory after it.
        if name.starts_with("namespace") && number(&device, "size").is_some_and(|size| size != 0) {
            all.extend(candidate(machine, &device, Kind::Pmem));
        }
    }
    let devices = machine.devices("dax");
    all.extend(
        devices
            .iter()
            .filter_map(|device| candidate(machine, device, Kind::Dax)),
    );
    all
}

fn candidate(machine: &Machine, device: &Path, kind: Kind) -> Option<Candidate> {
    let range = Range::of(number(device, "resource")?, number(device, "size")?)?;
    range.mountable()?;
    let name = base_name(device);
    let driver = driver(device);
    let holder = machine
        .iomem
        .holder(range, "Persistent Memory")
        .map(str::to_owned);
    let contents = match (kind, &driver) {
        (Kind::Dax, Some(_)) => probe::mapped(&machine.path("dev").join(&name), 0, range),
        (_, Some(_)) => disk(machine, device, range),
        (_, None) => Contents::NotRead("no driver through which to read it".to_owned()),
    };
    let obstacle = match (&driver, &holder) {
        (Some(driver), _) => Some(format!(
            "in use by the driver {driver}; {}",
            release(kind, &name)
        )),
        (None, Some(holder)) => Some(format!("in use by {holder}")),
        (None, None) => None,
    };
    Some(Candidate {
        kind,
        name,
        details: Vec::new(),
        range,
        driver,
        holder,
        obstacle,
        contents,
    })
}

/// The contents of the block device of a namespace.
fn disk(machine: &Machine, device: &Path, range: Range) -> Contents {
    let disks = std::fs::read_dir(device.join("block"))
        .into_iter()
        .flatten();
    match disks.flatten().next() {
        Some(disk) => probe::block(&machine.path("dev").join(disk.file_name()), range),
        None => Contents::NotRead("it has no block device".to_owned()),
    }
}

/// The command that unbinds a driver.
fn release(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Pmem => format!("ndctl disable-namespace {name}"),
        _ => format!("daxctl disable-device {name}"),
    }
}
