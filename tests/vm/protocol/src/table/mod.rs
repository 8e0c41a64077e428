// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of all suites.
//!
//! | module | owns |
//! |---|---|
//! | `sample` | the cases on the sample image |
//! | `subsystems` | the cases on subsystems of the kernel that use pages |
//! | `images` | the cases on other images |
//! | `programs` | the cases that run programs of others |
//! | `joint` | the cases of two guests, and of benchmarks |

mod images;
mod joint;
mod programs;
mod sample;
mod subsystems;

use std::collections::BTreeSet;

use crate::suite::{Case, Extra, Guest, Image, Kernels, Limits, Peer, Root, Scope, Suite, Times};

/// The words of the module when it keeps the memory of a former mount.
pub const RANGE_IS_KEPT: &str = "in use after the unmount";

/// The words of the module when the hardware reports a page of its memory as poisoned.
pub const PAGE_IS_POISONED: &str = "is poisoned";

/// The case that ends each guest of `qemu-test` on the sanitizer kernel. The kernel prints the
/// names of selected cases with its command line, so no name may contain a sign of trouble.
pub const LEAK_CHECK: &str = "no-memory-is-lost-and-locks-are-watched";

/// One case has its whole guest to itself.
const SHORT: Times = Times {
    plain: Limits::seconds(600, 150),
    san: Limits::seconds(4 * 3600, 600),
    trial: Limits::seconds(300, 150),
};

const SHORT_ON_SAN: Times = Times {
    trial: Limits::seconds(1800, 400),
    ..SHORT
};

/// One case is one program on three file systems.
const LONG: Times = Times {
    plain: Limits::seconds(2400, 900),
    san: Limits::seconds(2400, 900),
    trial: Limits::seconds(1800, 600),
};

/// A guest prints nothing while it waits for the other one.
const JOINT: Times = Times {
    plain: Limits::seconds(900, 900),
    san: Limits::seconds(3600, 3600),
    trial: Limits::seconds(900, 900),
};

/// The notes of a case come at its end.
const fn bench(seconds: u64) -> Times {
    let limits = Limits::seconds(seconds, seconds);
    Times {
        plain: limits,
        san: limits,
        trial: limits,
    }
}

/// A suite of one guest that always runs.
const fn ordinary(name: &'static str, guests: &'static [Guest]) -> Suite {
    Suite {
        name,
        scope: Scope::Always,
        kernels: Kernels::All,
        guests,
        host_cases: &[],
        times: SHORT,
    }
}

/// A suite of a full run.
const fn full(name: &'static str, guests: &'static [Guest]) -> Suite {
    Suite {
        scope: Scope::Full,
        times: LONG,
        ..ordinary(name, guests)
    }
}

/// A guest with programs of others, on an overlay of the image.
const fn on_overlay(cases: &'static [Case]) -> Guest {
    Guest {
        peers: &[Peer::Ext4],
        ram: Some(4096),
        ..Guest::new(Image::Suites, cases).on(Root::Overlay)
    }
}

/// All suites, in the order in which they start.
pub const SUITES: &[Suite] = &[
    ordinary("sample", &[Guest::new(Image::Sample, sample::SAMPLE)]),
    Suite {
        scope: Scope::Full,
        ..ordinary(
            "subsystems",
            &[Guest::new(Image::Sample, subsystems::SUBSYSTEMS)],
        )
    },
    ordinary(
        "debian",
        &[Guest {
            extra: Some(Extra::DebianManifest),
            ..Guest::new(Image::Debian, images::DEBIAN)
        }],
    ),
    ordinary(
        "boot",
        &[Guest::new(Image::Debian, images::BOOT).on(Root::Image)],
    ),
    ordinary(
        "bar",
        &[Guest {
            extra: Some(Extra::Inspect),
            ..Guest::new(Image::Sample, images::BAR).in_bar()
        }],
    ),
    ordinary(
        "low-bar",
        &[Guest::new(Image::Sample, images::LOW_BAR).in_low_bar()],
    ),
    ordinary(
        "vfio",
        &[Guest::new(Image::Sample, subsystems::VFIO).with_iommu()],
    ),
    ordinary(
        "mutants",
        &[Guest {
            workbench: Some(2 << 20),
            ..Guest::new(Image::Sample, images::MUTANTS)
        }],
    ),
    Suite {
        kernels: Kernels::San,
        times: SHORT_ON_SAN,
        ..ordinary("faults", &[Guest::new(Image::Sample, images::FAULTS)])
    },
    full(
        "systemd",
        &[on_overlay(programs::SYSTEMD).on(Root::Systemd)],
    ),
    full("fio", &[on_overlay(programs::FIO)]),
    full("selftests", &[on_overlay(programs::SELFTESTS)]),
    full("stress", &[on_overlay(programs::STRESS)]),
    full(
        "containers",
        &[Guest {
            image: Image::Containers,
            peers: &[Peer::Erofs],
            extra: Some(Extra::GuideContainers),
            ..on_overlay(programs::CONTAINERS)
        }],
    ),
    Suite {
        host_cases: &["memory"],
        times: JOINT,
        ..ordinary(
            "two-kernels",
            &[
                Guest::new(Image::Debian, joint::KERNELS).in_bar(),
                Guest::new(Image::Debian, joint::KERNELS).in_bar(),
            ],
        )
    },
    Suite {
        times: JOINT,
        ..ordinary(
            "hostile-peer",
            &[
                Guest::new(Image::Sample, joint::PEER).in_low_bar(),
                Guest::new(Image::Sample, joint::VICTIM).in_low_bar(),
            ],
        )
    },
    Suite {
        scope: Scope::Bench,
        times: bench(1800),
        ..ordinary(
            "bench",
            &[Guest {
                peers: &[Peer::Erofs, Peer::Ext4, Peer::ErofsDigests],
                ..Guest::new(Image::Bench, joint::MOUNT)
            }],
        )
    },
    Suite {
        scope: Scope::Bench,
        times: bench(1200),
        ..ordinary(
            "share",
            &[
                Guest::new(Image::Debian, joint::SHARE).in_bar(),
                Guest::new(Image::Debian, joint::SHARE).in_bar(),
            ],
        )
    },
];

/// Returns the suite with a name.
#[must_use]
pub fn suite(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}

/// Returns the names of all cases of guests.
#[must_use]
pub fn names_of_cases() -> BTreeSet<&'static str> {
    let guests = SUITES.iter().flat_map(|suite| suite.guests);
    let cases = guests.flat_map(|guest| guest.cases);
    cases.map(|case| case.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Memory;

    #[test]
    fn names_are_unique() {
        let suites: BTreeSet<_> = SUITES.iter().map(|suite| suite.name).collect();
        assert_eq!(suites.len(), SUITES.len());
        let mut names = BTreeSet::from([LEAK_CHECK]);
        for suite in SUITES {
            let cases = suite.guests.iter().flat_map(|guest| guest.cases);
            let own: BTreeSet<_> = cases.map(|case| case.name).collect();
            for guest in suite.guests {
                let unique: BTreeSet<_> = guest.cases.iter().map(|case| case.name).collect();
                assert_eq!(unique.len(), guest.cases.len(), "{}", suite.name);
            }
            for name in own {
                assert!(names.insert(name), "{name}");
            }
        }
    }

    #[test]
    fn names_survive_the_command_line() {
        for name in SUITES.iter().flat_map(Suite::case_names) {
            assert!(name.chars().all(|c| !" ,=\"".contains(c)), "{name}");
        }
    }

    #[test]
    fn guests_with_one_image_agree_about_its_memory() {
        for suite in SUITES.iter().filter(|suite| suite.is_joint()) {
            assert_eq!(
                suite.guests.len(),
                2,
                "{}: two guests have words",
                suite.name
            );
            for guest in suite.guests {
                assert_ne!(guest.memory, Memory::Reserved, "{}", suite.name);
                assert_eq!(guest.image, suite.guests[0].image, "{}", suite.name);
            }
        }
    }
}
