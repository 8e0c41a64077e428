// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian root file system, made by `mmdebstrap` from the machine's own mirrors and kept in
//! the cache.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use crate::kernel::cache::{self, Lock};
use crate::{process, tree};

/// The packages beyond the smallest system that programs can be run from.
const PACKAGES: &str = "python3,git,build-essential";

/// The tree's directory; it is made on the first call and must not be changed by anyone.
///
/// # Errors
/// When the packages cannot be had, or this is not a Debian machine with root.
pub(crate) fn obtain() -> Result<PathBuf> {
    let _lock = Lock::acquire("debian-tree")?;
    let suite = suite()?;
    let parent = cache::subdirectory(&cache::directory()?, "trees")?;
    let dir = parent.join(format!("debian-{suite}"));
    if !dir.is_dir() {
        ensure!(
            rustix::process::geteuid().is_root(),
            "a Debian tree can be made by root only"
        );
        let partial = parent.join(format!("debian-{suite}.partial"));
        tree::remove(&partial)?;
        bootstrap(&suite, &partial)?;
        fs::rename(&partial, &dir)?;
    }
    Ok(dir)
}

/// The release that this machine runs.
fn suite() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name
        .context("/etc/os-release names no release")?
        .trim_matches('"')
        .to_owned())
}

fn bootstrap(suite: &str, target: &std::path::Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--mode=root", "--variant=minbase"]);
    command
        .arg(format!("--include={PACKAGES}"))
        .arg(suite)
        .arg(target)
        .args(sources(suite)?);
    // It refuses to run where its locks or progress would go to a terminal that is not there.
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot start mmdebstrap")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "mmdebstrap failed: {}: {}",
        output.status,
        stderr.trim()
    );
    Ok(())
}

/// The lines of a sources.list for `suite` that apt on this machine uses.
fn sources(suite: &str) -> Result<Vec<String>> {
    let format = "deb $(REPO_URI) $(CODENAME) $(COMPONENT)";
    let list = process::capture(Command::new("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let lines: Vec<String> = list
        .lines()
        .filter(|line| {
            line.split(' ')
                .nth(2)
                .is_some_and(|name| name.starts_with(suite))
        })
        .map(str::to_owned)
        .collect();
    ensure!(
        !lines.is_empty(),
        "apt on this machine has no package lists of {suite}: run `apt-get update`"
    );
    Ok(lines)
}
