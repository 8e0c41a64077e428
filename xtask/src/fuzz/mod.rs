// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz/targets/`.
//!
//! A run begins with the corpus in the repository, the seeds that the targets make, and what earlier
//! runs have found, which is kept in the target directory. `--minimize` takes the smallest part of all
//! that which reaches the same edges over into the repository.
//!
//! | module | owns |
//! |---|---|
//! | [`build`](mod@build) | compiling the targets with coverage and sanitizer |
//! | [`lines`] | whose lines edges belong to |
//! | [`progress`] | what a run has reached, and when |
//! | [`session`] | one run of one target |

mod build;
mod lines;
mod progress;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{ensure, Context, Result};
use clap::ValueEnum;

use self::build::Programs;
use self::progress::{Outcome, HEAD};
use crate::process::{self, cargo};
use crate::workspace;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target [default: each in turn]
    target: Option<String>,

    /// Processor time for each target, in seconds; 0 goes on until a defect is found
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// What watches the memory; `address` takes a nightly compiler, and five times as long
    #[arg(long, value_enum, default_value_t = Sanitizer::None)]
    sanitizer: Sanitizer,

    /// Put the smallest corpus with the edges reached so far into the repository, and do nothing else
    #[arg(long)]
    minimize: bool,
}

/// What watches the memory.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum Sanitizer {
    /// Nothing: nearly all of the code under test is safe Rust.
    None,
    /// AddressSanitizer.
    Address,
}

impl Args {
    /// Builds and runs the targets.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let targets = self.targets()?;
        let programs = build::build(self.sanitizer)?;
        write_seeds()?;
        let mut outcomes = Vec::new();
        for name in &targets {
            let target = Target::new(name, &programs)?;
            if self.minimize {
                target.minimize()?;
            } else {
                outcomes.push(session::run(&target, self.seconds)?);
            }
        }
        Ok(report(&outcomes))
    }

    fn targets(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(programs().join("fuzz_targets"))? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            all.push(name.context("a target without a name")?.to_owned());
        }
        all.sort();
        let Some(target) = &self.target else {
            return Ok(all);
        };
        ensure!(
            all.contains(target),
            "no target is called {target}; there are {}",
            all.join(", ")
        );
        Ok(vec![target.clone()])
    }
}

/// Prints the outcomes as a table; fails when one of them is bad.
fn report(outcomes: &[Outcome]) -> ExitCode {
    if outcomes.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\n{HEAD}");
    for outcome in outcomes {
        println!("{outcome}");
    }
    let bad = outcomes.iter().filter(|outcome| outcome.is_bad()).count();
    println!("\n{} passed, {bad} failed", outcomes.len() - bad);
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The directory that holds corpora and dictionaries.
fn home() -> PathBuf {
    workspace::root().join("tests/fuzz")
}

/// The fuzz workspace: the programs that libFuzzer starts.
fn programs() -> PathBuf {
    home().join("targets")
}

/// What is built and found by fuzzing.
fn scratch() -> PathBuf {
    workspace::target_dir().join("fuzz")
}

fn write_seeds() -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "daxfs-fuzztargets", "--"]);
    process::run(command.arg(scratch().join("seeds")))
}

/// A target, with the directories that belong to it.
struct Target {
    name: String,
    program: PathBuf,
    /// In the repository.
    kept: PathBuf,
    /// What runs have found.
    found: PathBuf,
    seeds: PathBuf,
    /// Inputs that did harm.
    defects: PathBuf,
    dictionary: Option<PathBuf>,
}

impl Target {
    fn new(name: &str, programs: &Programs) -> Result<Self> {
        let dictionary = home().join("dictionaries").join(format!("{name}.dict"));
        let target = Self {
            name: name.to_owned(),
            program: programs.of(name),
            kept: home().join("corpus").join(name),
            found: scratch().join("corpus").join(name),
            seeds: scratch().join("seeds").join(name),
            defects: self::programs().join("artifacts").join(name),
            dictionary: dictionary.is_file().then_some(dictionary),
        };
        for directory in [&target.kept, &target.found, &target.defects] {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        Ok(target)
    }

    /// Replaces the corpus in the repository; inputs of defects have names of their own, and stay.
    fn minimize(&self) -> Result<()> {
        let smallest = scratch().join("smallest").join(&self.name);
        match fs::remove_dir_all(&smallest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&smallest)?,
        }
        let mut command = session::command(self)?;
        // How often an edge is passed makes no difference to a test.
        command.args(["-set_cover_merge=1", "-use_counters=0"]);
        command.arg(&smallest);
        command.args([&self.kept, &self.found, &self.seeds]);
        process::run(&mut command)?;
        let before = remove(&self.kept, is_found)?;
        for entry in fs::read_dir(&smallest)? {
            let entry = entry?;
            fs::copy(entry.path(), self.kept.join(entry.file_name()))?;
        }
        let after = count_of(&self.kept)?;
        println!("{}: {before} inputs before, {after} now", self.name);
        Ok(())
    }
}

/// Whether libFuzzer gave the file its name: the SHA-1 of what it holds.
fn is_found(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == 40 && name.iter().all(u8::is_ascii_hexdigit)
}

/// Removes the files of a directory that `which` picks; returns how many files it had.
fn remove(directory: &Path, which: impl Fn(&Path) -> bool) -> Result<usize> {
    let count = count_of(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if which(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(count)
}

fn count_of(directory: &Path) -> Result<usize> {
    Ok(fs::read_dir(directory)?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_defects_are_told_from_found_ones() {
        assert!(is_found(Path::new(
            "a/0060d831be684326d9fd216ff06212c42abff4e8"
        )));
        assert!(!is_found(Path::new("root-beyond-the-inodes")));
        assert!(!is_found(Path::new(
            "a-name-of-forty-bytes-that-is-no-digest"
        )));
    }
}
