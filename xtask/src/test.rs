// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: everything that must pass before a change lands.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::BuildHasher as _;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::kernel::config::Configuration;
use crate::kernel::{build, cache, panics};
use crate::process::cargo;
use crate::report::{Counts, Log, Tally};
use crate::{check, dist, libtest, qemu, readme, room, roundtrip, setup, workspace};

/// Number of random trees that go through the tools.
const TREES: &str = "2000";

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the round trips of real trees only.
    #[arg(long)]
    round_trips: bool,
}

impl Args {
    /// Runs the stages and reports them.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let mut tally = Tally::default();
        if !tally.stage("setup", |_| room().and_then(|()| setup::run())) {
            return Ok(tally.finish());
        }
        if self.round_trips {
            roundtrip::stages(&mut tally);
            return Ok(tally.finish());
        }
        check::stages(&mut tally);
        tally.stage("random trees", random_trees);
        tally.stage("README's first command", readme::first_command);
        tally.stage("dist", |log| log.run(&mut dist::command()));
        roundtrip::stages(&mut tally);
        tally.stage("no panic in the module's format crate", |log| {
            let kernel = build::ensure(None, Configuration::Plain)?;
            log.note(panics::search(&kernel)?);
            Ok(())
        });
        tally.stage("guests", guests);
        Ok(tally.finish())
    }
}

/// Size in GiB of what a first run writes into the target directory.
const TARGET: u64 = 5;
/// Size in GiB of what a first run writes into the cache directory.
const CACHE: u64 = 5;
/// Size in GiB of what a later run writes into each.
const AGAIN: u64 = 2;

/// Checks that the disks have free space for what a run writes.
fn room() -> Result<()> {
    let cache = cache::directory()?;
    let (target, cached) = (workspace::scratch_dir()?, cache.join("kernel"));
    let is_first = !workspace::release_binary("mkdaxfs").exists();
    let gib = if is_first { TARGET } else { AGAIN };
    room::ensure(&target, gib, "the tests' programs and images")?;
    let gib = if cached.exists() { AGAIN } else { CACHE };
    room::ensure(&cache, gib, "the guests' kernel and trees")
}

/// Runs the round trips of many random trees. The seed is printed; set it to repeat a run.
fn random_trees(log: &mut Log) -> Result<()> {
    const SEED: &str = "PROPTEST_RNG_SEED";
    let seed = env::var(SEED).unwrap_or_else(|_| RandomState::new().hash_one(SEED).to_string());
    let mut command = cargo();
    // The features of the whole workspace, so that nothing is built again.
    command.args([
        "test",
        "--workspace",
        "--test",
        "round_trip",
        "trees_survive",
    ]);
    command.env(SEED, &seed).env("PROPTEST_CASES", TREES);
    // In memory if possible: `check` has built some trees on a disk.
    command.env("TMPDIR", workspace::tree_dir()?);
    let result = libtest::run(log, &mut command);
    log.note(format!("{TREES} trees, {SEED}={seed}"));
    result
}

/// Runs `cargo xtask qemu-test` and counts its cases.
fn guests(log: &mut Log) -> Result<()> {
    let mut counts = None;
    let program = env::current_exe().context("cannot find this program")?;
    let mut failed = Vec::new();
    let result = log.run_lines(Command::new(program).arg("qemu-test"), |line| {
        failed.extend(line.strip_prefix(qemu::FAILED).map(str::to_owned));
        counts = parse(line).or(counts);
    });
    let found = counts.unwrap_or_default();
    log.count(found);
    log.failed(failed);
    log.note(format!("{} passed, {} failed", found.passed, found.failed));
    result?;
    counts.map(|_| ()).context("the guests reported no counts")
}

/// Reads a line such as `12 passed, 0 failed`.
fn parse(line: &str) -> Option<Counts> {
    let (passed, rest) = line.split_once(" passed, ")?;
    let failed = rest.strip_suffix(" failed")?;
    Some(Counts {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_of_counts_is_one() {
        assert_eq!(
            parse("12 passed, 3 failed"),
            Some(Counts {
                passed: 12,
                failed: 3
            })
        );
        assert_eq!(parse("sample: 12 passed, 3 failed"), None);
        assert_eq!(parse("12 passed, 3 failed later"), None);
    }
}
