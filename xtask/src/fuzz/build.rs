// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiling the fuzz targets.
//!
//! Only the project's own crates are compiled with coverage
//! (`tests/fuzz/targets/rustc-with-coverage`): an input is kept if it reaches a new edge of them.
//! Other crates have edges that do not depend on the input, such as those that threads take when
//! they wait for each other.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{scratch, target_workspace, Sanitizer};
use crate::{process, workspace};

/// The programs of the targets.
pub(super) struct Programs(PathBuf);

impl Programs {
    /// The program of a target.
    pub(super) fn of(&self, target: &str) -> PathBuf {
        self.0.join(target)
    }
}

/// Builds all targets.
///
/// # Errors
/// When they do not compile, or there is no compiler for the sanitizer.
pub(super) fn build(sanitizer: Sanitizer) -> Result<Programs> {
    // Programs are loaded at the addresses they are linked for, so libFuzzer prints those of the
    // file.
    let mut flags = String::from("--cfg fuzzing -Crelocation-model=static");
    let (mut command, directory) = match sanitizer {
        Sanitizer::None => (process::cargo(), scratch().join("plain")),
        Sanitizer::Address => {
            flags.push_str(" -Zsanitizer=address");
            let mut command = Command::new("rustup");
            command.args(["run", "nightly", "cargo"]);
            (command, scratch().join("address"))
        }
    };
    // With a target given, the flags do not apply to build scripts.
    let host = host()?;
    command
        .args(["build", "--release", "--bins", "--target", &host])
        .arg("--target-dir")
        .arg(&directory)
        .current_dir(target_workspace())
        .env("RUSTFLAGS", flags)
        .env(
            "RUSTC_WRAPPER",
            target_workspace().join("rustc-with-coverage"),
        )
        .env("DAXFS_ROOT", workspace::root());
    process::run(&mut command).context("cannot build the fuzz targets")?;
    Ok(Programs(directory.join(host).join("release")))
}

/// The target triple of this machine.
fn host() -> Result<String> {
    let text = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}
