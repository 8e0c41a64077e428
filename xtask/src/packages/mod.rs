// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages: `apt-get`, and waiting for its locks.
//!
//! A machine that has just booted updates itself, and another package manager then holds locks.
//! `apt-get` waits for the lock of dpkg by an option. For the locks of the package lists and of
//! the archive it has none and fails at once, so a command that met one of them is run again.
//!
//! | module | owns |
//! |---|---|
//! | [`archive`] | packages of another suite, downloaded without a change to the machine |
//! | [`locks`] | which lock stopped `apt-get`, who holds it, and when to give up |

pub(crate) mod archive;
mod locks;

use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};

use self::locks::{Held, Verdict};
use crate::kernel::step::step;
use crate::process;

/// Environment variable with the limit of waiting for locks, in seconds.
const LIMIT_VARIABLE: &str = "XTASK_APT_TIMEOUT";

/// Default limit of waiting for locks.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Time between two attempts.
const PAUSE: Duration = Duration::from_secs(2);

/// Locks that `apt-get` waits for without a word.
const DPKG_LOCKS: [&str; 2] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];

/// Size in bytes of the end of a failed command's output that its error repeats.
const OUTPUT_TAIL: usize = 6000;

/// Installs those of `packages` that are missing. Each is a name with its evidence: the path of a
/// file of the package, or the name of one of its programs.
///
/// # Errors
/// When packages are missing and cannot be installed from here; the error says what to do.
pub(crate) fn install(packages: &[(&str, &str)]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if process::find("apt-get").is_none() {
        bail!("install the programs that Debian has in these packages, then retry: {names}");
    }
    if !is_root() {
        bail!("not root: run `sudo apt-get install {names}`, then retry");
    }
    step(&format!("installing {names}"), || {
        run(apt_get()?.arg("update"))?;
        for held in DPKG_LOCKS.iter().filter_map(|lock| Held::find(lock)) {
            announce(held, &mut None, limit()?);
        }
        let install = ["install", "--yes", "--no-install-recommends"];
        run(apt_get()?.args(install).args(&missing)).map(drop)
    })?;
    match self::missing(packages).as_slice() {
        [] => Ok(()),
        still => bail!(
            "apt-get succeeded, but these are missing still: {}",
            still.join(" ")
        ),
    }
}

/// Fetches the package lists of this machine if it has none: the trees and the kernel source come
/// from the mirrors that they name.
///
/// # Errors
/// When they cannot be fetched.
pub(crate) fn fetch_lists() -> Result<()> {
    if !is_root() || process::find("apt-get").is_none() {
        return Ok(());
    }
    if !index_targets("$(REPO_URI)")?.trim().is_empty() {
        return Ok(());
    }
    step("fetching package lists", || {
        run(apt_get()?.arg("update")).map(drop)
    })
}

/// Returns a line in this format, see apt-get(8), for each package list of this machine.
///
/// # Errors
/// When this is not a machine with apt.
pub(crate) fn index_targets(format: &str) -> Result<String> {
    let targets = ["indextargets", "--format", format, "Created-By: Packages"];
    process::capture(apt_get()?.args(targets))
}

/// Returns an `apt-get` that asks no questions, writes English, and waits for dpkg's lock.
///
/// # Errors
/// When the environment states a bad limit.
pub(crate) fn apt_get() -> Result<Command> {
    let mut command = Command::new("apt-get");
    command
        .args(["-q", "-o"])
        .arg(format!("DPkg::Lock::Timeout={}", limit()?.as_secs()))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    Ok(command)
}

/// Runs a command of [`apt_get`], again and again while another program holds a lock, and returns
/// its standard output.
///
/// # Errors
/// When it fails for another reason, or a lock is held for longer than the limit.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    run_within(command, limit()?)
}

fn run_within(command: &mut Command, limit: Duration) -> Result<String> {
    let start = Instant::now();
    let mut announced = None;
    loop {
        let output = command.output();
        let output =
            output.with_context(|| format!("cannot start {}", process::describe(command)))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        match Verdict::on_failure(&stderr, start.elapsed(), limit) {
            Verdict::Failure => bail!("{}", failure(command, &output)),
            Verdict::GiveUp(held) => bail!(
                "{}: {held}, longer than {} s: end that program, retry later, or set \
                 {LIMIT_VARIABLE} to more seconds",
                process::describe(command),
                limit.as_secs()
            ),
            Verdict::Retry(held) => announce(held, &mut announced, limit),
        }
        thread::sleep(PAUSE.min(limit));
    }
}

/// Prints the lock that is waited for, once for each holder.
fn announce(held: Held, announced: &mut Option<Held>, limit: Duration) {
    if announced.as_ref() != Some(&held) {
        eprintln!("waiting for at most {} s: {held}", limit.as_secs());
        *announced = Some(held);
    }
}

fn failure(command: &Command, output: &Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| {
        let start = text.len().saturating_sub(OUTPUT_TAIL);
        String::from_utf8_lossy(text.get(start..).unwrap_or_default()).into_owned()
    });
    format!(
        "{} failed: {}; the end of its output:\n{stdout}{}",
        process::describe(command),
        output.status,
        stderr.trim_end()
    )
}

fn limit() -> Result<Duration> {
    match std::env::var(LIMIT_VARIABLE) {
        Ok(text) => parse_limit(&text),
        Err(_) => Ok(LIMIT),
    }
}

fn parse_limit(text: &str) -> Result<Duration> {
    let seconds = text.parse();
    let seconds =
        seconds.with_context(|| format!("{LIMIT_VARIABLE}={text} is not a number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

fn missing<'p>(packages: &[(&'p str, &str)]) -> Vec<&'p str> {
    let absent = packages.iter().filter(|(_, evidence)| !is_there(evidence));
    absent.map(|(name, _)| *name).collect()
}

fn is_there(evidence: &str) -> bool {
    if evidence.starts_with('/') {
        Path::new(evidence).exists()
    } else {
        process::find(evidence).is_some()
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use rustix::fs::{fcntl_lock, FlockOperation};
    use tempfile::TempDir;

    use super::*;

    /// An apt without sources in a directory of its own, with locks that this process holds until
    /// the files are dropped.
    struct Apt {
        directory: TempDir,
        locks: Vec<File>,
    }

    impl Apt {
        /// `None` on a machine without apt.
        fn new(locked: &[&str]) -> Option<Self> {
            if process::find("apt-get").is_none() {
                eprintln!("not tested: there is no apt-get");
                return None;
            }
            let directory = TempDir::new().unwrap();
            for name in ["lists/partial", "cache/archives/partial"] {
                fs::create_dir_all(directory.path().join(name)).unwrap();
            }
            for name in ["sources.list", "status"] {
                fs::write(directory.path().join(name), "").unwrap();
            }
            let lock = |name: &&str| {
                let file = File::create(directory.path().join(name)).unwrap();
                fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
                file
            };
            let locks = locked.iter().map(lock).collect();
            Some(Self { directory, locks })
        }

        fn command(&self, argument: &str, limit: u64) -> Command {
            let mut command = apt_get().unwrap();
            command.args(["-o", &format!("DPkg::Lock::Timeout={limit}")]);
            for (option, name) in [
                ("Dir::Etc::sourcelist", "sources.list"),
                ("Dir::State::lists", "lists"),
                ("Dir::State::status", "status"),
                ("Dir::Cache", "cache"),
            ] {
                let path = self.directory.path().join(name);
                command.args(["-o", &format!("{option}={}", path.display())]);
            }
            command.args(["-o", "Dir::Etc::sourceparts=-", argument]);
            command
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Releases the locks after a second.
        fn release(&mut self) -> thread::JoinHandle<()> {
            let locks = std::mem::take(&mut self.locks);
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(1));
                drop(locks);
            })
        }
    }

    #[test]
    fn locks_that_are_released_are_waited_for() {
        for (lock, argument) in [("lists/lock", "update"), ("lock-frontend", "install")] {
            let Some(mut apt) = Apt::new(&[lock]) else {
                return;
            };
            let start = Instant::now();
            let released = apt.release();
            let limit = Duration::from_secs(30);
            run_within(&mut apt.command(argument, limit.as_secs()), limit).unwrap();
            released.join().unwrap();
            assert!(start.elapsed() >= Duration::from_secs(1), "{argument}");
        }
    }

    #[test]
    fn locks_that_are_kept_are_an_error_that_names_them() {
        for (lock, argument) in [("lists/lock", "update"), ("lock-frontend", "install")] {
            let Some(apt) = Apt::new(&[lock]) else {
                return;
            };
            let mut command = apt.command(argument, 1);
            let error = run_within(&mut command, Duration::from_secs(1)).unwrap_err();
            let expected = format!(": {} is held by process ", apt.path(lock).display());
            let (text, id) = (error.to_string(), std::process::id());
            assert!(text.contains(&expected), "{text}");
            assert!(text.contains(&format!("process {id} (")), "{text}");
            assert!(text.contains("longer than 1 s"), "{text}");
        }
    }

    #[test]
    fn other_failures_are_not_repeated() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo to stdout; echo E: no such package >&2; exit 100",
        ]);
        let start = Instant::now();
        let error = run_within(&mut command, Duration::from_secs(60)).unwrap_err();
        assert!(start.elapsed() < PAUSE);
        let text = error.to_string();
        assert!(text.ends_with("to stdout\nE: no such package"), "{text}");
    }

    #[test]
    fn limits_are_numbers_of_seconds() {
        assert_eq!(parse_limit("90").unwrap(), Duration::from_secs(90));
        assert!(parse_limit("soon").is_err());
    }

    #[test]
    fn packages_are_there_if_their_evidence_is() {
        let packages = [
            ("a", "/"),
            ("b", "sh"),
            ("c", "/none"),
            ("d", "no-such-program"),
        ];
        assert_eq!(missing(&packages), ["c", "d"]);
    }
}
