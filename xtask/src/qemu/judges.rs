// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that the host judges after the guests have ended, by the memory that they took.

use anyhow::{anyhow, ensure, Result};
use daxfs_vm_protocol::words::two_kernels;

use super::conductor::Sample;

const MIB: u64 = 1 << 20;

/// Returns notes about samples, or an error if they are wrong.
type Judge = fn(&[Sample]) -> Result<Vec<String>>;

/// The judges, by suite and case.
const JUDGES: &[(&str, &str, Judge)] = &[("two-kernels", "memory", one_copy)];

/// Returns the judge of a case.
pub(super) fn find(suite: &str, case: &str) -> Option<Judge> {
    let mut judges = JUDGES.iter();
    let found = judges.find(|(of_suite, of_case, _)| (*of_suite, *of_case) == (suite, case));
    found.map(|(_, _, judge)| *judge)
}

/// The most that all containers of a guest may take: less than one copy of what each of them maps.
const CONTAINERS: u64 = 64 * MIB;

/// Fails unless there is one copy of the image, whatever runs from it.
fn one_copy(samples: &[Sample]) -> Result<Vec<String>> {
    let before = sample_at(samples, two_kernels::NO_CONTAINERS)?;
    let with = sample_at(samples, two_kernels::CONTAINERS)?;
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

/// Returns the sample that was taken at a step.
pub(super) fn sample_at(samples: &[Sample], step: u32) -> Result<&Sample> {
    let index = usize::try_from(step)?.checked_sub(1);
    let sample = index.and_then(|index| samples.get(index));
    let count = samples.len();
    sample.ok_or_else(|| anyhow!("the guests have reached {count} steps only"))
}

#[cfg(test)]
mod tests {
    use daxfs_vm_protocol::table::SUITES;

    use super::super::footprint::Taken;
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
    fn each_case_of_the_host_has_its_judge() {
        let mut judged = 0;
        for suite in SUITES {
            for case in suite.host_cases {
                assert!(find(suite.name, case).is_some(), "{}/{case}", suite.name);
                judged += 1;
            }
        }
        assert_eq!(judged, JUDGES.len());
    }
}
