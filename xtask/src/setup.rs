// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask setup`: installs what the other commands need.
//!
//! On a Debian machine the packages come by `apt-get`. Elsewhere, or without root, the missing
//! programs are named so that the user can install them.

use std::process::Command;

use anyhow::{bail, Result};

use crate::process;

/// Something that must be there: a program to look for, and the Debian package that brings it.
struct Need {
    program: &'static str,
    package: &'static str,
}

/// What the round trips and the build benchmark use.
const NEEDS: &[Need] = &[
    Need {
        program: "git",
        package: "git",
    },
    Need {
        program: "mkfs.erofs",
        package: "erofs-utils",
    },
    Need {
        program: "mksquashfs",
        package: "squashfs-tools",
    },
    Need {
        program: "mmdebstrap",
        package: "mmdebstrap",
    },
    Need {
        program: "rsync",
        package: "rsync",
    },
    Need {
        program: "tar",
        package: "tar",
    },
    Need {
        program: "xz",
        package: "xz-utils",
    },
];

/// Installs what is missing; quick and silent when nothing is.
///
/// # Errors
/// When something is missing that cannot be installed from here; the error says what to do.
pub(crate) fn run() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return package_lists();
    }
    let packages = missing.join(" ");
    if process::find("apt-get").is_none() {
        bail!("install the programs that Debian has in these packages, then retry: {packages}");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("not root: run `sudo apt-get install {packages}`, then retry");
    }
    println!("setup: installing {packages}");
    install(&missing)?;
    match self::missing().as_slice() {
        [] => Ok(()),
        still => bail!(
            "apt-get succeeded, but programs are missing still from: {}",
            still.join(" ")
        ),
    }
}

/// Has apt fetch its package lists where it has none: the trees and the kernel source come from
/// the mirrors that they name.
fn package_lists() -> Result<()> {
    let targets = [
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ];
    let is_root = rustix::process::geteuid().is_root();
    if !is_root || process::find("apt-get").is_none() {
        return Ok(());
    }
    if process::capture(Command::new("apt-get").args(targets))?
        .trim()
        .is_empty()
    {
        println!("setup: fetching package lists");
        return process::run(apt_get().arg("update"));
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let absent = NEEDS
        .iter()
        .filter(|need| process::find(need.program).is_none());
    absent.map(|need| need.package).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    process::run(apt_get().arg("update"))?;
    process::run(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
    command
}
