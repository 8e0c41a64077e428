// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages of another suite of the archive, by an apt configuration beside the machine's.
//!
//! The mirror comes from the machine's configuration, the archive's keyring from the machine's
//! keyrings. Nothing of the machine's apt state changes, nothing is installed, and no root is
//! needed. apt checks the signatures as always.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{anyhow, ensure, Context, Result};

use crate::kernel::cache;
use crate::packages;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt configuration with suites of its own.
#[derive(Debug)]
pub(crate) struct Archive {
    dir: PathBuf,
    suites: String,
}

impl Archive {
    /// Makes the configuration in the directory `name` of the cache.
    ///
    /// # Errors
    /// When this machine is not configured for a Debian archive.
    pub(crate) fn new(name: &str, suites: &[&str]) -> Result<Self> {
        ensure!(
            fs::exists(KEYRING)?,
            "{KEYRING} is missing: install the package debian-archive-keyring, then retry"
        );
        let dir = cache::subdirectory(&cache::directory()?, name)?;
        for name in ["lists/partial", "cache/archives/partial", "download"] {
            cache::subdirectory(&dir, name)?;
        }
        let mirror = machine_mirror()?;
        let line = |suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n");
        let sources: String = suites.iter().map(line).collect();
        fs::write(dir.join("sources.list"), sources)?;
        // An empty list of installed packages: dependencies are downloaded too.
        fs::write(dir.join("status"), "")?;
        Ok(Self {
            dir,
            suites: suites.join(", "),
        })
    }

    /// Downloads the newest version of a package; apt verifies it.
    ///
    /// # Errors
    /// When the suites have no such package, or the archive cannot be reached.
    pub(crate) fn download(&self, package: &str) -> Result<PathBuf> {
        packages::run(self.apt()?.arg("update"))?;
        let into = self.dir.join("download");
        remove_files(&into)?;
        let mut download = self.apt()?;
        download.args(["download", package]).current_dir(&into);
        packages::run(&mut download).with_context(|| format!("no {package} in {}", self.suites))?;
        let entry = fs::read_dir(&into)?.next();
        Ok(entry
            .ok_or_else(|| anyhow!("apt-get downloaded no {package}"))??
            .path())
    }

    /// Downloads the newest versions of packages and of everything that they depend on. Returns the
    /// files in the order of their names.
    ///
    /// # Errors
    /// When the suites lack a package, or the archive cannot be reached.
    pub(crate) fn download_all(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        packages::run(self.apt()?.arg("update"))?;
        let archives = self.dir.join("cache/archives");
        remove_files(&archives)?;
        let mut install = self.apt()?;
        let status = self.dir.join("status");
        install
            .args(["-o", &format!("Dir::State::status={}", status.display())])
            .args(["--yes", "--download-only", "--no-install-recommends"])
            .arg("install")
            .args(names);
        packages::run(&mut install)
            .with_context(|| format!("{} in {}", names.join(", "), self.suites))?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&archives)? {
            files.push(entry?.path());
        }
        files.retain(|file| file.extension().is_some_and(|end| end == "deb"));
        files.sort();
        Ok(files)
    }

    fn apt(&self) -> Result<Command> {
        let mut apt = packages::apt_get()?;
        let dir = self.dir.display();
        for option in [
            format!("Dir::Etc::sourcelist={dir}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
            "Debug::NoLocking=true".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        Ok(apt)
    }
}

/// Removes the files in a directory of apt's, but not its subdirectories.
fn remove_files(dir: &std::path::Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the base address of the archive from which this machine installs.
fn machine_mirror() -> Result<String> {
    let targets = packages::index_targets("$(REPO_URI)")?;
    let mirror = targets
        .lines()
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"));
    Ok(mirror
        .ok_or_else(|| anyhow!("apt is not configured for a Debian archive"))?
        .to_owned())
}
