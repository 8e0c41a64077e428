// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask coverage`: the regions of the format crate that its tests and those of hostile
//! images reach.
//!
//! The compiler counts regions, and Debian's LLVM reads the counts. A version older than the
//! compiler's reads them as long as their format stays the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};
use serde_json::Value;

use crate::kernel::toolchain::LLVM;
use crate::process::{self, cargo};
use crate::{packages, workspace};

/// The packages whose tests are run.
const PACKAGES: [&str; 2] = ["daxfs-format", "daxfs-hostile"];
/// The sources whose regions are counted.
const SOURCES: &str = "daxfs-format/src";

/// Runs the tests with counters, and prints a table of the sources and the lines that no test
/// reached.
///
/// # Errors
/// When a test fails, or the tools cannot read the counts.
pub(crate) fn run() -> Result<()> {
    let (package, program) = (format!("llvm-{LLVM}"), format!("/usr/bin/llvm-cov-{LLVM}"));
    packages::install(&[(&package, &program)])?;
    let dir = workspace::target_dir().join("coverage");
    let raw = dir.join("raw");
    let programs = build(&dir, &raw)?;
    ensure!(!programs.is_empty(), "no test was built");
    // The counts so far are those of former runs and of the build.
    if raw.exists() {
        fs::remove_dir_all(&raw).with_context(|| format!("cannot remove {}", raw.display()))?;
    }
    for program in &programs {
        let mut test = Command::new(program);
        count_into(&mut test, &raw);
        test.arg("--quiet").current_dir(workspace::root());
        process::capture(&mut test)?;
    }
    let counts = merge(&dir, &raw)?;
    println!("{}", llvm_cov(&counts, "report", &programs)?);
    print_missed(&llvm_cov(&counts, "export", &programs)?);
    Ok(())
}

/// Makes all programs that a command runs write their counts to a directory.
fn count_into(command: &mut Command, raw: &Path) {
    command.env("LLVM_PROFILE_FILE", raw.join("%m-%p.profraw"));
}

/// Builds the tests with counters, and returns their programs. Build scripts and macros have
/// counters too.
fn build(dir: &Path, raw: &Path) -> Result<Vec<PathBuf>> {
    let mut command = cargo();
    count_into(&mut command, raw);
    command.args(["test", "--no-run", "--message-format=json"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command.env("RUSTFLAGS", "-Cinstrument-coverage");
    command.env("CARGO_TARGET_DIR", dir);
    let mut programs = Vec::new();
    process::each_line(&mut command, |line| {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        if message["profile"]["test"] == true {
            programs.extend(message["executable"].as_str().map(PathBuf::from));
        }
    })?;
    Ok(programs)
}

/// Merges the counts of all runs.
fn merge(dir: &Path, raw: &Path) -> Result<PathBuf> {
    let counts = dir.join("counts.profdata");
    let mut command = Command::new(format!("llvm-profdata-{LLVM}"));
    command.args(["merge", "-sparse", "-o"]).arg(&counts);
    for entry in fs::read_dir(raw)? {
        command.arg(entry?.path());
    }
    process::capture(&mut command)?;
    Ok(counts)
}

/// Runs a command of llvm-cov on the sources.
fn llvm_cov(counts: &Path, what: &str, programs: &[PathBuf]) -> Result<String> {
    let mut command = Command::new(format!("llvm-cov-{LLVM}"));
    command.arg(what);
    if what == "export" {
        command.arg("-format=lcov");
    }
    command.arg(format!("-instr-profile={}", counts.display()));
    for (number, program) in programs.iter().enumerate() {
        if number > 0 {
            command.arg("-object");
        }
        command.arg(program);
    }
    command.arg("-sources").arg(workspace::root().join(SOURCES));
    process::capture(&mut command)
}

/// Prints the lines that no test reached, in one line for each source.
fn print_missed(lcov: &str) {
    for (source, lines) in missed(lcov) {
        let name = Path::new(source)
            .strip_prefix(workspace::root())
            .unwrap_or(Path::new(source));
        println!("not reached: {}: {}", name.display(), ranges(&lines));
    }
}

/// The lines that were counted zero times, by source.
fn missed(lcov: &str) -> BTreeMap<&str, Vec<u32>> {
    let mut missed: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let mut source = "";
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            source = path;
        } else if let Some((number, "0")) = line
            .strip_prefix("DA:")
            .and_then(|counted| counted.split_once(','))
        {
            if let Ok(number) = number.parse() {
                missed.entry(source).or_default().push(number);
            }
        }
    }
    missed
}

/// Ascending numbers, as `1, 3-5`.
fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts = ranges.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nothing_reached_are_named() {
        let lcov = "SF:/a.rs\nDA:1,0\nDA:2,0\nDA:3,7\nDA:9,0\nend_of_record\nSF:/b.rs\nDA:1,1\n";
        let found = missed(lcov);
        assert_eq!(found, BTreeMap::from([("/a.rs", vec![1, 2, 9])]));
        assert_eq!(ranges(&found["/a.rs"]), "1-2, 9");
    }
}
