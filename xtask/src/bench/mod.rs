// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: measurements side by side with the peers.
//!
//! | module | owns |
//! |---|---|
//! | [`build`] | making images of real trees, against the peers and the floor |
//! | [`check`] | measurements of `daxfs-fsck` and of lookups |
//! | [`contender`] | the tools that are compared, and the paths of their output |
//! | [`floor`] | the least cost of building or verifying an image on this machine |
//! | [`measure`] | running a program: wall time, memory, and the sync afterwards |
//! | [`table`] | rows with goals, printed losses first |

mod build;
mod check;
mod contender;
mod floor;
mod measure;
mod table;

use std::process::ExitCode;

use anyhow::Result;

/// Subjects of measurements.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Measure building, checking and verifying images of a Debian tree and the Linux source.
    Build(build::Args),
    /// Measure reading, mapping and running from a mount, in a guest, in instructions.
    Mount(crate::qemu::MountArgs),
    /// Measure the memory of eight containers from one image, in a guest.
    Containers(crate::qemu::ContainersArgs),
    /// Measure the memory of two kernels that run containers from one image.
    Share(crate::qemu::ShareArgs),
}

impl Bench {
    /// Runs the benchmark and prints its tables.
    ///
    /// # Errors
    /// When something needed is missing or a program fails; a missed goal is not an error.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        match self {
            Self::Build(arguments) => arguments.run()?,
            Self::Mount(arguments) => arguments.run()?,
            Self::Containers(arguments) => arguments.run()?,
            Self::Share(arguments) => arguments.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
