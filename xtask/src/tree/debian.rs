// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian root file system, made by `mmdebstrap` from the machine's own mirrors and kept in
//! the cache.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use crate::kernel::cache::{self, Lock};
use crate::{packages, tree};

/// Packages of a tree beyond the smallest system that runs programs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contents {
    /// End of the directory's name; unique for each list of packages.
    suffix: &'static str,
    packages: &'static str,
}

/// Tools of developers.
const DEVELOPMENT: Contents = Contents {
    suffix: "",
    packages: "python3,git,build-essential",
};

/// Suites that test file systems, and a service manager.
pub(crate) const SUITES: Contents = Contents {
    suffix: "-suites",
    packages: "python3,fio,stress-ng,systemd-sysv,udev,dbus",
};

/// A host of containers, and the programs in them.
pub(crate) const CONTAINERS: Contents = Contents {
    suffix: "-containers",
    packages: "python3,crun",
};

/// Returns the directory of the tree that most tests use.
///
/// # Errors
/// When the packages cannot be fetched, or this is not a Debian machine with root.
pub(crate) fn obtain() -> Result<PathBuf> {
    obtain_with(DEVELOPMENT)
}

/// Returns the directory of a tree. It is made on the first call and must not be changed.
///
/// # Errors
/// When the packages cannot be fetched, or this is not a Debian machine with root.
pub(crate) fn obtain_with(contents: Contents) -> Result<PathBuf> {
    let _lock = Lock::acquire(&format!("debian-tree{}", contents.suffix))?;
    let suite = suite()?;
    let parent = cache::subdirectory(&cache::directory()?, "trees")?;
    let name = format!("debian-{suite}{}", contents.suffix);
    let dir = parent.join(&name);
    if !dir.is_dir() {
        ensure!(
            rustix::process::geteuid().is_root(),
            "only root can make a Debian tree"
        );
        let partial = parent.join(format!("{name}.partial"));
        tree::remove(&partial)?;
        bootstrap(&suite, contents.packages, &partial)?;
        fs::rename(&partial, &dir)?;
    }
    Ok(dir)
}

/// Returns the Debian release of this machine.
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

fn bootstrap(suite: &str, packages: &str, target: &std::path::Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--mode=root", "--variant=minbase"]);
    command
        .arg(format!("--include={packages}"))
        .arg(suite)
        .arg(target)
        .args(sources(suite)?);
    // mmdebstrap must not use a terminal: there may be none.
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

/// Returns the lines of a sources.list for `suite` that apt on this machine uses.
fn sources(suite: &str) -> Result<Vec<String>> {
    let format = "deb $(REPO_URI) $(CODENAME) $(COMPONENT)";
    let list = packages::index_targets(format)?;
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
