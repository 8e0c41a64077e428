// SPDX-License-Identifier: MIT OR Apache-2.0
//! stress-ng(1), with the file system under test as its root: those stressors that use files which
//! are there. Most others make the files that they use, which no read-only file system lets them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use super::debian::Furniture;
use super::Case;
use crate::targets::{self, Target};
use crate::touches::Touches;

pub(super) const CASES: &[Case] = &[
    ("exec", || {
        check("exec", &["--exec-max", "16"], Files::Opened)
    }),
    ("spawn", || check("spawn", &[], Files::Opened)),
    ("dynlib", || check("dynlib", &[], Files::Opened)),
    ("getdent", || check("getdent", &[], Files::Opened)),
    ("fstat", || {
        check("fstat", &["--fstat-dir", "/usr/bin"], Files::Opened)
    }),
    ("sysinfo", || check("sysinfo", &[], Files::Mapped)),
    ("fork", || {
        check("fork", &["--fork-max", "16", "--fork-vm"], Files::Mapped)
    }),
    ("vfork", || {
        check("vfork", &["--vfork-max", "16"], Files::Mapped)
    }),
    ("munmap", || check("munmap", &[], Files::Mapped)),
    ("mincore", || check("mincore", &[], Files::Mapped)),
    ("mprotect", || check("mprotect", &[], Files::Mapped)),
];

/// The use that a stressor makes of files of the file system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    /// It opens, reads or executes them.
    Opened,
    /// Its program and libraries are mapped from there; some ask for the status of files.
    Mapped,
}

/// Runs a stressor on each target.
fn check(stressor: &str, options: &[&str], files: Files) -> Result<()> {
    let mut ours = Ok(());
    for target in targets::all()? {
        let result = run(&target, stressor, options);
        let table = "stress-ng: files opened, read, executed, beyond its start";
        match &result {
            Ok(touches) => target.tell(table, stressor, format!("passed, {touches}")),
            Err(error) => target.tell(table, stressor, format!("failed: {error:#}")),
        }
        if target.is_ours() {
            ours = result.and_then(|touches| {
                ensure!(
                    touches > 0 || files == Files::Mapped,
                    "it touches no file of the image"
                );
                Ok(())
            });
        }
    }
    ours
}

/// Returns how often the stressor opened, read or executed a file of the target.
fn run(target: &Target, stressor: &str, options: &[&str]) -> Result<u64> {
    let root = target.root.to_string_lossy();
    let _furniture = Furniture::new(&root, &["tmp"])?;
    let (_, start) = stress_ng(&root, &["--version"])?;
    let number = format!("--{stressor}");
    let common = [
        &number,
        "2",
        "--timeout",
        "10",
        "--verify",
        "--temp-path",
        "/tmp",
        "--metrics-brief",
    ];
    let (said, touches) = stress_ng(&root, &[&common, options].concat())?;
    // stress-ng does not count a skipped stressor as a failure.
    let done = said.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(3);
        (words.next() == Some(stressor)).then(|| words.next()?.parse::<u64>().ok())?
    });
    ensure!(done.is_some_and(|done| done > 0), "it did nothing: {said}");
    Ok(touches.saturating_sub(start))
}

/// Runs it as a user without privileges: some stressors do not run with them. Returns what it said,
/// and how often it touched the file system.
fn stress_ng(root: &str, arguments: &[&str]) -> Result<(String, u64)> {
    let touches = Touches::of(Path::new(root))?;
    let output = Command::new("chroot")
        .args(["--userspec=1000:1000", root, "stress-ng"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start stress-ng")?;
    let touches = touches.end()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok((said, touches))
}
