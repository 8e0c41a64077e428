// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: installs the programs that the other commands start.
//!
//! On a Debian machine the packages come by `apt-get`. Elsewhere, or without root, the missing
//! programs are named so that the user can install them. The newest tools of other file systems are
//! not installed; they are unpacked in the cache, see [`crate::peers`].

use anyhow::Result;

use crate::{packages, peers};

/// Packages for the round trips and the build benchmark, each with one of its programs.
const PACKAGES: &[(&str, &str)] = &[
    ("git", "git"),
    ("erofs-utils", "mkfs.erofs"),
    ("squashfs-tools", "mksquashfs"),
    ("mmdebstrap", "mmdebstrap"),
    ("rsync", "rsync"),
    ("tar", "tar"),
    ("xz-utils", "xz"),
];

/// Installs missing packages; quick and silent when nothing is missing.
///
/// # Errors
/// When something is missing that cannot be installed from here; the error says what to do.
pub(crate) fn run() -> Result<()> {
    packages::install(PACKAGES)?;
    packages::fetch_lists()
}

/// Installs missing packages, and fetches the newest tools of other file systems.
///
/// # Errors
/// When something is missing that cannot be obtained from here; the error says what to do.
pub(crate) fn all() -> Result<()> {
    run()?;
    for line in peers::newest()?.versions()? {
        println!("{line}");
    }
    Ok(())
}
