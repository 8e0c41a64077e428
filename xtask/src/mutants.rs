// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask mutants`: proof that tests can fail. cargo-mutants changes the product's source in
//! one way after the other, and some test must fail for each change.
//!
//! Each package has the tests that judge its mutants in seconds. Mutants that no test can tell from
//! the original are named in `.cargo/mutants.toml`, each with the reason.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{bail, ensure, Context, Result};
use serde_json::Value;

use crate::kernel::toolchain::install_program;
use crate::process;
use crate::workspace;

/// The cargo-mutants that is installed.
const VERSION: &str = "27.1.0";

/// A package whose source is changed.
struct Package {
    name: &'static str,
    /// The packages whose tests judge.
    judges: &'static [&'static str],
    /// The targets of these packages that are built and run; all if there is none.
    targets: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "daxfs-format",
        judges: &["daxfs-format", "daxfs-hostile"],
        targets: &[
            "--lib",
            "--test=specification",
            "--test=classes",
            "--test=readers",
            "--test=extremes",
            "--test=cost",
            "--test=listing",
            "--test=scratch",
        ],
    },
    Package {
        name: "daxfs-image",
        judges: &["daxfs-image", "daxfs-fsck", "daxfs-inspect", "mkdaxfs"],
        targets: &[],
    },
    Package {
        name: "daxfs-fsck",
        judges: &["daxfs-fsck"],
        targets: &[],
    },
    Package {
        name: "daxfs-inspect",
        judges: &["daxfs-inspect"],
        targets: &[],
    },
    Package {
        name: "mkdaxfs",
        judges: &["mkdaxfs"],
        targets: &[],
    },
];

/// The longest run of tests with selected targets, in seconds.
const LIMIT: &str = "120";

impl Package {
    /// Runs the tests on the source as it is: if they failed, every mutant would seem to be caught.
    fn baseline(&self) -> Result<()> {
        let mut command = process::cargo();
        command.args(["test", "--quiet", "--profile=mutants"]);
        for judge in self.judges {
            command.args(["--package", judge]);
        }
        command
            .args(self.targets)
            .env("CARGO_TARGET_DIR", directory()?.join("build"));
        process::run(&mut command).context("the tests fail without a mutant")
    }
}

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only mutants of lines that differ from this commit
    #[arg(long, value_name = "BASE")]
    in_diff: Option<String>,

    /// Only this part of each package's mutants, such as 0/40
    #[arg(long, value_name = "K/N", required_unless_present = "in_diff")]
    shard: Option<String>,

    /// Only mutants of this package [default: each in turn]
    #[arg(long)]
    package: Option<String>,
}

impl Args {
    /// Runs, and prints one line for each package and one for each mutant that no test noticed.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let root = install_program("cargo-mutants", "cargo-mutants", VERSION)?;
        let program = root.join("bin/cargo-mutants");
        let diff = self.in_diff.as_deref().map(Diff::from).transpose()?;
        let mut outcomes = Vec::new();
        for package in self.packages(diff.as_ref())? {
            outcomes.push(self.run_package(&program, package, diff.as_ref())?);
        }
        for outcome in &outcomes {
            print!("{outcome}");
        }
        let missed: usize = outcomes.iter().map(|outcome| outcome.missed.len()).sum();
        Ok(if missed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// The packages asked for that have changed.
    fn packages(&self, diff: Option<&Diff>) -> Result<Vec<&'static Package>> {
        let mut packages: Vec<_> = PACKAGES.iter().collect();
        if let Some(name) = &self.package {
            packages.retain(|package| package.name == name);
            ensure!(
                !packages.is_empty(),
                "no package with mutants is called {name}"
            );
        }
        packages.retain(|package| diff.is_none_or(|diff| diff.changes(package.name)));
        Ok(packages)
    }

    fn run_package(
        &self,
        program: &Path,
        package: &Package,
        diff: Option<&Diff>,
    ) -> Result<Outcome> {
        let output = directory()?.join(package.name);
        fs::create_dir_all(&output)?;
        let mut command = Command::new(program);
        command
            .args(["mutants", "--package", package.name, "--output"])
            .arg(&output)
            .args(["--test-package", &package.judges.join(",")])
            .args(
                package
                    .targets
                    .iter()
                    .map(|target| format!("--cargo-arg={target}")),
            )
            .current_dir(workspace::root())
            // What is built of other crates serves the next run.
            .env("CARGO_TARGET_DIR", directory()?.join("build"))
            .stdin(Stdio::null());
        if !package.targets.is_empty() {
            // Before the first mutant, cargo-mutants tests the changed package alone, which lacks
            // some of the targets.
            package.baseline()?;
            command.args(["--baseline=skip", "--timeout", LIMIT]);
        }
        if let Some(diff) = diff {
            command.arg("--in-diff").arg(&diff.path);
        }
        if let Some(shard) = &self.shard {
            // Each shard is a sample of the whole source.
            command.args(["--sharding", "round-robin", "--shard", shard]);
        }
        let output = output.join("mutants.out");
        if output.exists() {
            fs::remove_dir_all(&output)
                .with_context(|| format!("cannot remove {}", output.display()))?;
        }
        let status = command.status().context("cannot start cargo-mutants")?;
        match status.code() {
            // All caught; some missed; some timed out.
            Some(0 | 2 | 3) => Outcome::read(package.name, &output),
            _ => bail!("cargo-mutants of {} failed: {status}", package.name),
        }
    }
}

/// The directory of builds, results and differences.
fn directory() -> Result<PathBuf> {
    let directory = workspace::target_dir().join("mutants");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}

/// The differences of the working tree from a commit.
struct Diff {
    path: PathBuf,
    files: String,
}

impl Diff {
    fn from(base: &str) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["diff", base]).args(arguments);
            process::capture(command.current_dir(workspace::root()))
        };
        let path = directory()?.join("change.diff");
        fs::write(&path, git(&[])?).with_context(|| format!("cannot write {}", path.display()))?;
        let files = git(&["--name-only"])?;
        Ok(Self { path, files })
    }

    /// Returns true if the source of the package differs.
    fn changes(&self, package: &str) -> bool {
        let source = format!("{package}/src/");
        self.files.lines().any(|file| file.starts_with(&source))
    }
}

/// The results for a package.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    package: &'static str,
    caught: u64,
    unviable: u64,
    timeout: u64,
    /// The names of the mutants for which no test failed.
    missed: Vec<String>,
}

impl Outcome {
    /// Reads the directory of results; no file means that there was no mutant.
    fn read(package: &'static str, output: &Path) -> Result<Self> {
        let read = |name: &str| fs::read_to_string(output.join(name)).unwrap_or_default();
        Self::parse(package, &read("outcomes.json"), &read("missed.txt"))
    }

    fn parse(package: &'static str, outcomes: &str, missed: &str) -> Result<Self> {
        if outcomes.is_empty() {
            return Ok(Self {
                package,
                ..Self::default()
            });
        }
        let json: Value = serde_json::from_str(outcomes).context("outcomes.json is not JSON")?;
        let count = |name: &str| {
            let count = json[name].as_u64();
            count.with_context(|| format!("outcomes.json has no number {name}"))
        };
        Ok(Self {
            package,
            caught: count("caught")?,
            unviable: count("unviable")?,
            timeout: count("timeout")?,
            missed: missed.lines().map(str::to_owned).collect(),
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} caught, {} unviable, {} timeout, {} missed",
            self.package,
            self.caught,
            self.unviable,
            self.timeout,
            self.missed.len()
        )?;
        for name in &self.missed {
            writeln!(f, "  missed: {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_summed_up_in_a_line() {
        let json = r#"{"caught":20,"missed":1,"unviable":3,"timeout":2,"total_mutants":26}"#;
        let outcome = Outcome::parse("mkdaxfs", json, "src/a.rs:1:2: replace f with ()\n").unwrap();
        assert_eq!(
            outcome.to_string(),
            "mkdaxfs: 20 caught, 3 unviable, 2 timeout, 1 missed\n  \
             missed: src/a.rs:1:2: replace f with ()\n"
        );
        assert!(Outcome::parse("mkdaxfs", "{}", "").is_err());
        let none = Outcome::parse("mkdaxfs", "", "").unwrap();
        assert_eq!(
            none.to_string(),
            "mkdaxfs: 0 caught, 0 unviable, 0 timeout, 0 missed\n"
        );
    }

    #[test]
    fn every_excluded_mutant_has_a_reason() {
        let path = workspace::root().join(".cargo/mutants.toml");
        let text = fs::read_to_string(path).unwrap();
        let (_, excluded) = text.split_once("exclude_re = [").unwrap();
        let mut before = "";
        for line in excluded.lines().map(str::trim) {
            let is_entry = line.starts_with(['"', '\'']);
            assert!(!is_entry || before.starts_with('#'), "no reason: {line}");
            before = line;
        }
    }
}
