// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's own tests, as far as they touch a file on the mount.
//!
//! Each runs in a directory of the image, of ext4 and of tmpfs, once read-only and once through an
//! overlay that can be written. What passes on ext4 must pass on the image. A test that opens,
//! reads or executes no file of ext4 where it is read-only is named, and counts for nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{ensure, Context, Result};

use super::Case;
use crate::overlay::Overlay;
use crate::sys;
use crate::targets::{self, Target};
use crate::touches::Touches;

pub(super) const CASES: &[Case] = &[
    ("exec-execveat", || check("exec", "./execveat")),
    ("exec-load_address", || {
        check("exec", "for program in ./load_address.*; do $program; done")
    }),
    ("exec-null-argv", || check("exec", "./null-argv")),
    ("exec-non-regular", || check("exec", "./non-regular")),
    ("exec-check-exec", || check("exec", "./check-exec")),
    ("exec-check-exec-tests", || {
        check("exec", "./check-exec-tests.sh")
    }),
    ("exec-binfmt_script", || check("exec", "./binfmt_script.py")),
    ("exec-recursion-depth", || {
        check("exec", "$PROGRAMS/exec/recursion-depth")
    }),
    ("openat2-openat2_test", || {
        check("openat2", "$PROGRAMS/openat2/openat2_test")
    }),
    ("openat2-resolve_test", || {
        check("openat2", "$PROGRAMS/openat2/resolve_test")
    }),
    ("openat2-emptypath_test", || {
        check("openat2", "$PROGRAMS/openat2/emptypath_test")
    }),
    ("splice-splice_read", || check("exec", SPLICE_READ)),
    ("splice-default_file_splice_read", || {
        check("exec", SPLICE_ALL)
    }),
    ("mm-pagemap_ioctl", || check("mm", "./pagemap_ioctl")),
    ("mincore-mincore_selftest", || {
        check("mincore", "$PROGRAMS/mincore/mincore_selftest")
    }),
    ("overlayfs-dev_in_maps", || {
        check("overlayfs", "$PROGRAMS/overlayfs/dev_in_maps")
    }),
    ("overlayfs-set_layers_via_fds", || {
        check("overlayfs", "$PROGRAMS/overlayfs/set_layers_via_fds")
    }),
    ("mount_setattr-mount_setattr_test", || {
        check(
            "mount_setattr",
            "$PROGRAMS/mount_setattr/mount_setattr_test",
        )
    }),
];

/// The kernel's script does this with files of /proc and /sys.
const SPLICE_READ: &str = "for file in *; do
    test -f $file || continue
    for length in 2 4096 10000; do
        if $PROGRAMS/splice/splice_read $file $length | cmp - <(head -c $length $PROGRAMS/exec/$file); then
            echo ok $length bytes of $file; else echo not ok $length bytes of $file; fi
    done
done";

/// The kernel's script does this with /dev/null.
const SPLICE_ALL: &str = "for file in *; do
    test -f $file || continue
    length=$(stat -L -c %s $file); test $length -lt 65536 || length=65536
    if $PROGRAMS/splice/default_file_splice_read < $file | cmp - <(head -c $length $PROGRAMS/exec/$file); then
        echo ok $file; else echo not ok $file; fi
done";

/// The directory of a copy of the programs, on a file system that is not under test.
const PROGRAMS: &str = "/tmp/selftests";

/// The time limit of one test in seconds.
const LIMIT: &str = "200";

/// The name of the first way to run a test.
const READ_ONLY: &str = "read-only";

/// The outcomes of the cases of a test, by their names.
#[derive(Default)]
struct Outcomes(BTreeMap<String, Outcome>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Outcomes {
    /// Reads the Test Anything Protocol; a program that does not speak it is one case.
    fn of(output: &Output) -> Self {
        let mut outcomes = Self::default();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (outcome, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
                (Some(rest), _) if rest.contains("# SKIP") => (Outcome::Skipped, rest),
                (Some(rest), _) => (Outcome::Passed, rest),
                (None, Some(rest)) => (Outcome::Failed, rest),
                (None, None) => continue,
            };
            outcomes.add(
                rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '),
                outcome,
            );
        }
        if outcomes.0.is_empty() {
            let outcome = match output.status.code() {
                Some(0) => Outcome::Passed,
                // What the kernel's tests say when they cannot run.
                Some(4) => Outcome::Skipped,
                _ => Outcome::Failed,
            };
            outcomes.add("the whole", outcome);
        } else if output.status.code().is_none_or(|code| code > 4) {
            outcomes.add("a regular end", Outcome::Failed);
        }
        outcomes
    }

    fn add(&mut self, name: &str, outcome: Outcome) {
        let mut unique = name.to_owned();
        let mut number = 1;
        while self.0.contains_key(&unique) {
            number += 1;
            unique = format!("{name} ({number})");
        }
        self.0.insert(unique, outcome);
    }

    fn count(&self, wanted: Outcome) -> usize {
        self.0
            .values()
            .filter(|outcome| **outcome == wanted)
            .count()
    }

    /// Returns the cases that passed in `other` and not here.
    fn lacks<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let passed = other
            .0
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Passed);
        passed.filter_map(|(name, outcome)| {
            (self.0.get(name) != Some(outcome)).then_some(name.as_str())
        })
    }

    fn tell(&self) -> String {
        let [passed, failed, skipped] =
            [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(|kind| self.count(kind));
        format!("{passed} / {failed} / {skipped}")
    }
}

/// Runs a script in `directory` of each target, twice.
fn check(directory: &str, script: &str) -> Result<()> {
    if !Path::new(PROGRAMS).exists() {
        sys::output(Command::new("cp").args(["-a", "/run/image/srv/subject/selftests", PROGRAMS]))?;
    }
    let targets = targets::all()?;
    let mut wrong = Vec::new();
    let ways: [(&str, Way); 2] = [(READ_ONLY, plain), ("overlay", overlaid)];
    for (way, run) in ways {
        let found = targets
            .iter()
            .map(|target| {
                run(target, directory, script).with_context(|| format!("{way} on {}", target.name))
            })
            .collect::<Result<Vec<_>>>()?;
        let [(ours, _), (ext4, touches), _] = found.as_slice() else {
            continue;
        };
        if *touches == 0 && way == READ_ONLY {
            println!("it touches no file of the tree");
            return Ok(());
        }
        for (target, (outcomes, _)) in targets.iter().zip(&found) {
            target.tell(
                "selftests: passed / failed / skipped",
                &format!("{}, {way}", name_of(script, directory)),
                outcomes.tell(),
            );
        }
        wrong.extend(ours.lacks(ext4).map(|name| format!("{way}: {name}")));
    }
    ensure!(
        wrong.is_empty(),
        "passed on ext4 but not here: {}",
        wrong.join("; ")
    );
    Ok(())
}

/// Returns the name of a script in tables: the directory and the program that it starts.
fn name_of(script: &str, directory: &str) -> String {
    let program = script
        .split_whitespace()
        .find(|word| word.contains('/'))
        .unwrap_or(script);
    match program.strip_prefix("$PROGRAMS/") {
        Some(path) => path.to_owned(),
        None => format!(
            "{directory}/{}",
            program.trim_start_matches("./").trim_end_matches(".*;")
        ),
    }
}

/// A way to run a test on a target; returns its outcomes, and the number of accesses to the target.
type Way = fn(&Target, &str, &str) -> Result<(Outcomes, u64)>;

fn plain(target: &Target, directory: &str, script: &str) -> Result<(Outcomes, u64)> {
    run(
        &target.root,
        &target.root.join("srv/subject/selftests"),
        directory,
        script,
    )
}

fn overlaid(target: &Target, directory: &str, script: &str) -> Result<(Outcomes, u64)> {
    let lower = target.root.join("srv/subject/selftests");
    let overlay = Overlay::of(lower, "/run/layers", "")?;
    run(&target.root, Path::new(overlay.root()), directory, script)
}

fn run(touched: &Path, base: &Path, directory: &str, script: &str) -> Result<(Outcomes, u64)> {
    let directory: PathBuf = base.join(directory);
    let touches = Touches::of(touched)?;
    let output = Command::new("timeout")
        .args([LIMIT, "bash", "-c", script])
        .current_dir(&directory)
        .env("PROGRAMS", PROGRAMS)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run in {}", directory.display()))?;
    let touches = touches.end()?;
    Ok((Outcomes::of(&output), touches))
}
