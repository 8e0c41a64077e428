// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask check`: all checks that need neither a guest nor a large tree.

use std::process::ExitCode;

use anyhow::Result;

use crate::process::cargo;
use crate::report::Tally;
use crate::{libtest, tidy};

/// Runs all checks and reports them.
pub(crate) fn run() -> Result<ExitCode> {
    let mut tally = Tally::default();
    stages(&mut tally);
    Ok(tally.finish())
}

/// Adds the checks to `tally`; `cargo xtask test` starts with them too.
pub(crate) fn stages(tally: &mut Tally) {
    tally.stage("tidy", tidy::run);
    tally.stage("rustfmt", |log| {
        log.run(cargo().args(["fmt", "--all", "--check"]))
    });
    tally.stage("clippy", |log| {
        let arguments = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        log.run(cargo().args(arguments))
    });
    tally.stage("cargo test", |log| {
        libtest::run(log, cargo().args(["test", "--workspace", "--no-fail-fast"]))
    });
    tally.stage("rustdoc", |log| {
        let mut command = cargo();
        command.args([
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--keep-going",
        ]);
        log.run(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
}
