// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect devices`: memory of this machine that can hold an image.
//!
//! | module | owns |
//! |---|---|
//! | [`candidate`], [`range`] | memory that can hold an image |
//! | [`machine`] | the files that describe devices |
//! | [`pci`] | memory BARs |
//! | [`bus`] | pmem and DAX devices |
//! | [`reserved`] | memory that was reserved at boot |
//! | [`iomem`] | `/proc/iomem`: claims on addresses |
//! | [`probe`] | looking for an image if that is safe |
//! | [`report`] | printing candidates |
//!
//! All files are below a directory that stands for the root of the machine, so that a test can
//! invent one.

pub mod bus;
pub mod candidate;
pub mod iomem;
pub mod machine;
pub mod pci;
pub mod probe;
pub mod range;
pub mod report;
pub mod reserved;

use std::path::Path;

use anyhow::Result;

use crate::console::Console;
use candidate::Candidate;
use machine::Machine;

/// Runs the command.
///
/// # Errors
/// Those of the output.
pub fn run(console: &mut Console<'_>) -> Result<()> {
    let candidates = list(Path::new("/"), console);
    report::print(&candidates, console.form(), console)
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
