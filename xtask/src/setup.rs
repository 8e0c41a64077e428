// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: installs the programs that the other commands start.
//!
//! On a Debian machine the packages come by `apt-get`. Elsewhere, or without root, the missing
//! programs are named so that the user can install them.

use anyhow::Result;

use crate::packages;

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
