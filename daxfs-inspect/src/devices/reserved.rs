// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that the kernel does not use because it was reserved at boot.
//!
//! Memory that the administrator reserved with `memmap=SIZE$ADDRESS` is ordinary memory, as is soft
//! reserved memory. Other memory that firmware reserves may be anything, including device
//! registers: it is neither read nor offered.

use std::fs;

use super::candidate::{Candidate, Kind};
use super::iomem::Resource;
use super::machine::{parse_number, Machine};
use super::probe::{self, Contents};
use super::range::Range;

/// The name in `/proc/iomem` of memory that was reserved, by firmware or by the administrator.
const RESERVED: &str = "Reserved";

/// Names in `/proc/iomem` of memory that has no owner.
const NAMES: [&str; 4] = [
    RESERVED,
    "Soft Reserved",
    "Persistent Memory",
    "Persistent Memory (legacy)",
];

/// The reserved ranges that are large enough, and hold none of the devices that are `known`.
#[must_use]
pub fn list(machine: &Machine, known: &[Candidate]) -> Vec<Candidate> {
    let by_administrator = reserved_by_command_line(machine);
    let resources = machine.iomem.resources();
    resources
        .filter(|one| NAMES.contains(&one.name.as_str()) && one.range.mountable().is_some())
        .filter(|one| !known.iter().any(|other| other.range.meets(one.range)))
        .map(|one| candidate(machine, one, &by_administrator))
        .collect()
}

fn candidate(machine: &Machine, resource: &Resource, by_administrator: &[Range]) -> Candidate {
    let range = resource.range;
    let holder = machine.iomem.child(resource).map(str::to_owned);
    let within = |one: &Range| one.start <= range.start && range.last <= one.last;
    let is_ours = by_administrator.iter().any(within);
    let obstacle = match &holder {
        Some(holder) => Some(format!("in use by {holder}")),
        None if is_ours || resource.name != RESERVED => None,
        None => Some("reserved by firmware, perhaps for a device".to_owned()),
    };
    let contents = match &obstacle {
        Some(reason) => Contents::NotRead(reason.clone()),
        None => probe::mapped(&machine.path("dev/mem"), range.start, range),
    };
    Candidate {
        kind: Kind::Reserved,
        name: resource.name.clone(),
        details: if is_ours {
            vec!["by memmap=".to_owned()]
        } else {
            Vec::new()
        },
        range,
        driver: None,
        holder,
        obstacle,
        contents,
    }
}

/// The ranges that the kernel's command line reserves.
fn reserved_by_command_line(machine: &Machine) -> Vec<Range> {
    let text = fs::read_to_string(machine.path("proc/cmdline")).unwrap_or_default();
    let values = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("memmap="));
    values
        .flat_map(|value| value.split(','))
        .filter_map(parse)
        .collect()
}

/// Reads `SIZE$ADDRESS`.
fn parse(value: &str) -> Option<Range> {
    let (size, start) = value.split_once('$')?;
    Range::of(with_unit(start)?, with_unit(size)?)
}

/// A number as the kernel reads it: perhaps with a unit.
fn with_unit(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()?.to_ascii_uppercase() {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        b'T' => 40,
        _ => 0,
    };
    let digits = if shift == 0 {
        text
    } else {
        text.get(..text.len() - 1)?
    };
    parse_number(digits)?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_command_line_are_read() {
        let range = |value| parse(value).map(|range| (range.start, range.size()));
        assert_eq!(range("512M$0x20000000"), Some((0x2000_0000, 512 << 20)));
        assert_eq!(range("0x200000$1G"), Some((1 << 30, 2 << 20)));
        assert_eq!(range("512M!0x20000000"), None);
        assert_eq!(range("exactmap"), None);
        assert_eq!(range("0$0"), None);
        assert_eq!(range("16777216T$1"), None);
    }
}
