// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiling the fuzz targets.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{home, scratch, Sanitizer};
use crate::process;

/// What libFuzzer asks of the code under test: a counter for each edge, a table of them, and what is
/// compared with what. Arithmetic is checked.
const COVERAGE: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

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
    let mut flags = COVERAGE.join(" ");
    let (mut command, directory) = match sanitizer {
        Sanitizer::None => (process::cargo(), scratch().join("plain")),
        Sanitizer::Address => {
            flags.push_str(" -Zsanitizer=address");
            let mut command = Command::new("rustup");
            command.args(["run", "nightly", "cargo"]);
            (command, scratch().join("address"))
        }
    };
    // With a target named, the flags are not for build scripts.
    let host = host()?;
    command
        .args(["build", "--release", "--bins", "--target", &host])
        .arg("--target-dir")
        .arg(&directory)
        .current_dir(home())
        .env("RUSTFLAGS", flags);
    process::run(&mut command).context("cannot build the fuzz targets")?;
    Ok(Programs(directory.join(host).join("release")))
}

/// The target triple of this machine.
fn host() -> Result<String> {
    let text = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}
