// SPDX-License-Identifier: MIT OR Apache-2.0
//! Suites of two guests that share memory: an image, and words through which they wait for each other.
//!
//! | word | written by | says |
//! |---|---|---|
//! | 0, 1 | guest 0, guest 1 | the step that it has come to |
//! | 2 | this program | the step that both have come to, and may leave; all ones when one is gone |
//!
//! Between the two this program looks at what the guests take of the host's memory.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context, Result};

use super::artifacts::Artifacts;
use super::console::{self, Report};
use super::footprint::{Footprint, Taken};
use super::machine::{Machine, Placed, Processor};
use super::shared::SharedMemory;
use super::{image, initramfs};
use crate::kernel::config::Configuration;

/// How long two guests may take besides what they are asked to.
const fn limit(configuration: Configuration) -> Duration {
    Duration::from_secs(match configuration {
        Configuration::Plain => 900,
        Configuration::San => 3600,
    })
}

const MIB: u64 = 1 << 20;

/// What two guests took when both had come to a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Each guest by itself.
    pub(super) guests: [Taken; 2],
    /// The memory that holds the image.
    pub(super) image: u64,
}

impl Sample {
    /// The RAM of both guests.
    pub(super) fn ram(&self) -> u64 {
        self.guests.iter().map(|guest| guest.ram).sum()
    }
}

/// What came of two guests.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What each said.
    pub(super) reports: [Report; 2],
    /// The samples of the steps, from the first one on.
    pub(super) samples: Vec<Sample>,
}

/// Says what samples show, or what is wrong with them.
type Judge = fn(&[Sample]) -> Result<Vec<String>>;

/// A suite of two guests.
pub(super) struct Pair {
    pub(super) name: &'static str,
    image: fn(&Artifacts) -> Result<PathBuf>,
    /// The suite that each guest runs.
    roles: [&'static str; 2],
    judge: Option<Judge>,
}

/// All suites of two guests.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "two-kernels",
        image: image::debian,
        roles: ["kernels", "kernels"],
        judge: Some(one_copy),
    },
    Pair {
        name: "hostile-peer",
        image: image::sample,
        roles: ["peer", "victim"],
        judge: None,
    },
];

impl Pair {
    /// Whether a filter for `suite/case` asks for this suite.
    pub(super) fn is_wanted(&self, filter: Option<&str>) -> bool {
        filter.is_none_or(|filter| {
            let suite = filter.split('/').next().unwrap_or_default();
            self.name.contains(suite)
        })
    }

    /// Runs both guests for about `length`, where the suite leaves that open.
    pub(super) fn run(
        &self,
        artifacts: &Artifacts,
        length: Duration,
        seed: u64,
    ) -> Result<Outcome> {
        let image = SharedMemory::holding(&(self.image)(artifacts)?)?;
        let machine = |role: &str| -> Result<Machine> {
            Ok(Machine::new(
                artifacts,
                initramfs::make(role, artifacts, None)?,
                Placed::Shared(Arc::clone(&image)),
                Processor::Emulated,
            ))
        };
        let [one, other] = self.roles;
        let arguments = self.roles.map(|role| {
            let seconds = length.as_secs();
            vec![
                format!("suite={role}"),
                format!("seconds={seconds}"),
                format!("seed={seed}"),
            ]
        });
        run(
            [machine(one)?, machine(other)?],
            arguments,
            limit(artifacts.configuration) + length,
        )
    }

    /// What the samples show.
    pub(super) fn judge(&self, samples: &[Sample]) -> Option<Result<Vec<String>>> {
        self.judge.map(|judge| judge(samples))
    }
}

/// Runs two machines with memory for words that they share.
pub(super) fn run(
    mut machines: [Machine; 2],
    mut arguments: [Vec<String>; 2],
    limit: Duration,
) -> Result<Outcome> {
    let words = SharedMemory::blank(MIB)?;
    let image = match &machines[0].image {
        Placed::Shared(memory) => Arc::clone(memory),
        Placed::Reserved(_) => Arc::clone(&words),
    };
    let mut footprints = Vec::new();
    for (number, machine) in machines.iter_mut().enumerate() {
        let footprint = Arc::new(Footprint::new()?);
        machine.shared.push(Arc::clone(&words));
        machine.footprint = Some(Arc::clone(&footprint));
        footprints.push(footprint);
        if let Some(arguments) = arguments.get_mut(number) {
            arguments.push(format!("guest={number}"));
        }
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let [one, other] = &machines;
        let [first, second] = &arguments;
        let guest = |machine: &Machine, arguments: &[String]| -> Result<Report> {
            let report = console::watch(&mut machine.command(arguments)?, limit, limit)?;
            let failed = report.cases.iter().any(|case| case.failure.is_some());
            if failed || report.trouble.is_some() {
                set_word(&words, HOST, NEVER)?;
            }
            Ok(report)
        };
        let host = scope.spawn(|| conduct(&words, &image, &footprints, &over));
        let other = scope.spawn(move || guest(other, second));
        let one = guest(one, first);
        let other = other.join().map_err(|_| anyhow!("a watcher panicked"));
        over.store(true, Ordering::Relaxed);
        let samples = host
            .join()
            .map_err(|_| anyhow!("the conductor panicked"))??;
        let reports = [one?, other??];
        Ok(Outcome { reports, samples })
    })
}

/// Lets the guests go on when both have come to a step, and samples what they take before.
fn conduct(
    words: &SharedMemory,
    image: &SharedMemory,
    footprints: &[Arc<Footprint>],
    over: &AtomicBool,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut step = 1_u32;
    while !over.load(Ordering::Relaxed) {
        if word(words, 0)?.min(word(words, 1)?) < step {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let mut sample = Sample {
            image: image.allocated()?,
            ..Sample::default()
        };
        for (taken, footprint) in sample.guests.iter_mut().zip(footprints) {
            *taken = footprint
                .measure()
                .with_context(|| format!("step {step}"))?;
        }
        samples.push(sample);
        set_word(words, HOST, step)?;
        step += 1;
    }
    Ok(samples)
}

/// The word of this program, and what it says when a guest is gone.
const HOST: u64 = 2;
const NEVER: u32 = u32::MAX;

fn set_word(words: &SharedMemory, number: u64, value: u32) -> Result<()> {
    let bytes = value.to_ne_bytes();
    Ok(words.file().write_all_at(&bytes, number * 4)?)
}

fn word(words: &SharedMemory, number: u64) -> Result<u32> {
    let mut bytes = [0; 4];
    words.file().read_exact_at(&mut bytes, number * 4)?;
    Ok(u32::from_ne_bytes(bytes))
}

/// What all containers of a guest may take: less than one copy of what each of them maps.
const CONTAINERS: u64 = 64 * MIB;

/// There is one copy of the image, whatever runs from it.
fn one_copy(samples: &[Sample]) -> Result<Vec<String>> {
    let (Some(before), Some(with)) = (samples.get(4), samples.get(5)) else {
        return Err(anyhow!(
            "the guests have come to {} steps only",
            samples.len()
        ));
    };
    let mut notes = vec![format!("the image takes {} MiB, once", with.image / MIB)];
    for (number, (before, with)) in before.guests.iter().zip(&with.guests).enumerate() {
        let grown = with.ram.saturating_sub(before.ram);
        notes.push(format!(
            "guest {number}: {} MiB of RAM, {} MiB of it for 4 containers; the emulator {} MiB",
            with.ram / MIB,
            grown / MIB,
            with.emulator / MIB
        ));
        ensure!(
            grown < CONTAINERS,
            "the containers of guest {number} take {grown} bytes"
        );
    }
    ensure!(
        with.image == before.image,
        "the image takes {} bytes, {} before",
        with.image,
        before.image
    );
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ram: u64, image: u64) -> Sample {
        let taken = Taken { ram, emulator: 0 };
        Sample {
            guests: [taken, taken],
            image,
        }
    }

    #[test]
    fn a_copy_in_a_guest_and_a_copy_beside_the_image_are_seen() {
        let with = |ram, image| {
            let mut samples = vec![sample(100 * MIB, 500 * MIB); 5];
            samples.push(sample(ram, image));
            one_copy(&samples)
        };
        assert!(with(130 * MIB, 500 * MIB).is_ok());
        assert!(with(170 * MIB, 500 * MIB).is_err());
        assert!(with(130 * MIB, 501 * MIB).is_err());
        assert!(one_copy(&[]).is_err());
    }

    #[test]
    fn a_filter_for_a_case_of_a_pair_asks_for_the_pair() {
        let [pair, ..] = PAIRS else { return };
        assert!(pair.is_wanted(None));
        assert!(pair.is_wanted(Some("two-kernels/programs")));
        assert!(!pair.is_wanted(Some("sample/fiemap")));
    }
}
