// SPDX-License-Identifier: MIT OR Apache-2.0
//! Breaks of the tools and libraries, which their tests must notice. A test fails also if it does not
//! end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use rustix::process::{kill_process_group, Pid, Signal};

use super::list::Break;
use super::subject::{Cases, Runner, Subject};
use crate::process::{self, cargo};
use crate::workspace::root;

/// The tools and libraries with their tests, `package/test`.
pub(super) const SUBJECT: Subject = Subject {
    name: "tools",
    list: "tests/breaks.txt",
    sources: &[],
    cases,
    runner: |dir| Ok(Box::new(Tests::prepare(dir)?)),
};

/// The packages whose tests must all have a break; each lies in the directory of its name.
const PACKAGES: [&str; 5] = [
    "daxfs-fsck",
    "daxfs-image",
    "daxfs-inspect",
    "daxfs-sha256",
    "mkdaxfs",
];

/// How long the tests of one package may take, once they are built.
const LIMIT: Duration = Duration::from_secs(120);

/// Builds and runs tests in the copy.
struct Tests {
    dir: PathBuf,
    places: BTreeMap<String, Target>,
}

/// What of a package a test is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// The package's own code.
    Source,
    /// A file of its directory `tests`.
    Integration(String),
}

impl Target {
    /// The arguments that have cargo build it and nothing else.
    fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Source => vec!["--lib"],
            Self::Integration(name) => vec!["--test", name],
        }
    }
}

impl Tests {
    fn prepare(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            places: places()?,
        })
    }

    /// A `cargo test` command for the targets that hold these tests of a package.
    fn command(&self, package: &str, tests: &[&str]) -> Result<Command> {
        let mut targets = BTreeSet::new();
        for test in tests {
            let place = self.places.get(&format!("{package}/{test}"));
            targets.insert(place.with_context(|| format!("no test is called {test}"))?);
        }
        let mut command = cargo();
        command
            .args(["test", "--package", package])
            .args(targets.iter().flat_map(|target| target.arguments()))
            .current_dir(&self.dir)
            // Breaks change a line, and symbols would take most of the disk.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TARGET_DIR", self.dir.join("target"))
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Those of the tests that pass.
    fn passing_of(&self, cases: &[&str]) -> Result<Vec<String>> {
        let mut passing = Vec::new();
        for (package, tests) in by_package(cases) {
            passing.extend(self.passing_in(package, &tests)?);
        }
        Ok(passing)
    }

    /// Those of a package's tests that pass.
    fn passing_in(&self, package: &str, tests: &[&str]) -> Result<Vec<String>> {
        let mut build = self.command(package, tests)?;
        // Its errors tell more than its status.
        let built = build.arg("--no-run").output()?;
        ensure!(
            built.status.success(),
            "it does not build: {}",
            String::from_utf8_lossy(&built.stderr).trim()
        );
        let path = self.dir.join("output");
        let output = File::create(&path)?;
        let mut run = self.command(package, tests)?;
        run.args(["--no-fail-fast", "--", "--format=pretty"])
            .args(tests)
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        end_within(&mut run.spawn()?, LIMIT)?;
        let output = fs::read(&path)?;
        let passed = passed(&String::from_utf8_lossy(&output))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>();
        let passed = tests.iter().filter(|test| passed.contains(**test));
        Ok(passed.map(|test| format!("{package}/{test}")).collect())
    }
}

impl Runner for Tests {
    fn passing(&mut self, entry: &Break) -> Result<Vec<String>> {
        ensure!(entry.after.is_empty(), "no test judges what others did");
        let cases: Vec<&str> = entry.cases.iter().map(String::as_str).collect();
        self.passing_of(&cases)
    }

    fn passes_unbroken(&mut self, cases: &BTreeSet<&str>) -> Result<()> {
        let all: Vec<&str> = cases.iter().copied().collect();
        let passing: BTreeSet<String> = self.passing_of(&all)?.into_iter().collect();
        let failing: Vec<&str> = all
            .into_iter()
            .filter(|case| !passing.contains(*case))
            .collect();
        if !failing.is_empty() {
            bail!(
                "without a break, these fail already: {}",
                failing.join(", ")
            );
        }
        Ok(())
    }
}

/// Waits for a process; one that takes too long is killed with all that it has started.
fn end_within(child: &mut Child, limit: Duration) -> Result<()> {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            let group = Pid::from_child(child);
            kill_process_group(group, Signal::KILL).context("cannot kill tests that hang")?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The tests that libtest reports as passed, without their modules.
fn passed(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(|line| {
        let path = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
        Some(path.rsplit_once("::").map_or(path, |(_, name)| name))
    })
}

/// The tests by their packages.
fn by_package<'a>(cases: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut packages: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (package, test) in cases.iter().filter_map(|case| case.split_once('/')) {
        packages.entry(package).or_default().push(test);
    }
    packages
}

fn cases() -> Result<Cases> {
    Ok(Cases {
        each: places()?.into_keys().collect(),
        ..Cases::default()
    })
}

/// All tests of the packages, and where they are.
fn places() -> Result<BTreeMap<String, Target>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--"])
        .args(PACKAGES)
        .current_dir(root());
    let mut places = BTreeMap::new();
    for file in process::capture(&mut list)?.split_terminator('\0') {
        let Some((package, target)) = target(file) else {
            continue;
        };
        let path = root().join(file);
        if !path.exists() {
            continue;
        }
        for test in tests_in(&fs::read_to_string(path)?) {
            let place = places.insert(format!("{package}/{test}"), target.clone());
            ensure!(place.is_none(), "two tests are called {package}/{test}");
        }
    }
    Ok(places)
}

/// The package and the target that a file belongs to, unless it holds no tests.
fn target(file: &str) -> Option<(&str, Target)> {
    let (package, path) = file.strip_suffix(".rs")?.split_once('/')?;
    if path.starts_with("src/") {
        return Some((package, Target::Source));
    }
    let name = path.strip_prefix("tests/")?;
    (!name.contains('/')).then(|| (package, Target::Integration(name.to_owned())))
}

/// The names of the functions that are marked as tests.
fn tests_in(text: &str) -> impl Iterator<Item = &str> {
    let marked = text.split("#[test]\n").skip(1);
    marked.filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_in_sources() {
        let text = "#[test]\nfn one() {}\n    #[test]\n    #[ignore]\n    fn two(x in 0..3) {}\nfn three() {}";
        assert_eq!(tests_in(text).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn files_belong_to_targets() {
        let own = |name: &str| Target::Integration(name.to_owned());
        assert_eq!(target("a/src/b/c.rs"), Some(("a", Target::Source)));
        assert_eq!(target("a/tests/b.rs"), Some(("a", own("b"))));
        assert_eq!(target("a/tests/support/mod.rs"), None);
        assert_eq!(target("a/src/data.txt"), None);
    }

    #[test]
    fn only_tests_that_pass_have_passed() {
        let output = "running 3 tests\ntest a::tests::one ... ok\ntest two ... FAILED\n\
                      test three ... ignored\ntest four has been running for over 60 seconds\n";
        assert_eq!(passed(output).collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn what_does_not_end_is_killed() {
        let mut child = Command::new("sleep")
            .arg("1000")
            .process_group(0)
            .spawn()
            .unwrap();
        end_within(&mut child, Duration::from_millis(1)).unwrap();
        assert!(child.try_wait().unwrap().is_some_and(|end| !end.success()));
    }
}
