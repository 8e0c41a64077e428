// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel source.
//!
//! By default it is the distribution's package `linux-source-7.2`, which is newer than the stable
//! distribution of most machines. So it is fetched from another suite of the archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{anyhow, bail, Context, Result};

use super::cache::{self, Lock};
use super::step::step;
use crate::packages::archive::Archive;
use crate::process::capture;

/// The kernel series that the module is written for; its minor releases do not matter.
pub(crate) const SERIES: &str = "7.2";

/// The suites that carry [`SERIES`], the preferred one last.
const SUITES: [&str; 2] = ["trixie-backports", "forky"];

/// An unpacked kernel source tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its root directory.
    pub(crate) dir: PathBuf,
    /// Identity of its content: a package version, or the digest or path of the user's source.
    pub(crate) identity: String,
    /// False for a user's directory, whose content may change under one identity.
    pub(crate) is_fixed: bool,
}

/// Returns the distribution's kernel source, unpacked in the cache.
pub(crate) fn obtain() -> Result<PathBuf> {
    distribution().map(|source| source.dir)
}

/// Returns the source that the user named, or else the distribution's.
pub(crate) fn select(chosen: Option<&Path>) -> Result<Source> {
    match chosen {
        None => distribution(),
        Some(path) if path.is_dir() => directory(path),
        Some(path) => tarball(path),
    }
}

fn directory(path: &Path) -> Result<Source> {
    let dir = path
        .canonicalize()
        .with_context(|| format!("cannot use {}", path.display()))?;
    require_kernel_tree(&dir)?;
    Ok(Source {
        identity: format!("directory {}", dir.display()),
        is_fixed: false,
        dir,
    })
}

fn tarball(path: &Path) -> Result<Source> {
    let _lock = Lock::acquire("kernel-src")?;
    let digest = cache::digest_file(path)?;
    let name = format!("tarball-{}", digest.get(..16).unwrap_or(&digest));
    let dir = unpacked(&name, |into| {
        let mut tar = Command::new("tar");
        tar.arg("-xf")
            .arg(path)
            .args(["--strip-components=1", "-C"])
            .arg(into);
        capture(&mut tar).map(drop)
    })?;
    require_kernel_tree(&dir)?;
    Ok(Source {
        dir,
        identity: format!("tarball {digest}"),
        is_fixed: true,
    })
}

fn require_kernel_tree(dir: &Path) -> Result<()> {
    if !dir.join("rust/kernel").is_dir() || !dir.join("Kbuild").is_file() {
        bail!(
            "{} is not a Linux source tree with Rust support",
            dir.display()
        );
    }
    Ok(())
}

/// Returns `kernel-src/<name>` in the cache, filled by `fill` if it does not exist.
fn unpacked(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let parent = cache::subdirectory(&cache::directory()?, "kernel-src")?;
    let dir = parent.join(name);
    if dir.is_dir() {
        return Ok(dir);
    }
    let partial = parent.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir(&partial)?;
    step(&format!("unpacking the kernel source {name}"), || {
        fill(&partial)
    })?;
    fs::rename(&partial, &dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}

fn distribution() -> Result<Source> {
    let _lock = Lock::acquire("kernel-src")?;
    if let Some(source) = newest_cached()? {
        return Ok(source);
    }
    let archive = Archive::new("apt", &SUITES)?;
    let package = format!("linux-source-{SERIES}");
    let download = || {
        let found = archive.download(&package);
        found.context("name a kernel with --kernel-src")
    };
    let deb = step(&format!("downloading {package}"), download)?;
    let version = field(&deb, "Version")?;
    let dir = unpacked(&version, |into| unpack_package(&deb, into))?;
    fs::remove_file(&deb).with_context(|| format!("cannot remove {}", deb.display()))?;
    Ok(Source {
        dir,
        identity: version,
        is_fixed: true,
    })
}

/// Returns the newest distribution version of the series that is already unpacked.
fn newest_cached() -> Result<Option<Source>> {
    let parent = cache::subdirectory(&cache::directory()?, "kernel-src")?;
    let mut versions = Vec::new();
    for entry in fs::read_dir(&parent)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&format!("{SERIES}.")) && !name.ends_with(".partial") {
            versions.push(name);
        }
    }
    versions.sort_by_key(|version| numbers(version));
    Ok(versions.pop().map(|identity| Source {
        dir: parent.join(&identity),
        identity,
        is_fixed: true,
    }))
}

/// Returns the numbers in a version, for comparing it with others of the same form.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn field(deb: &Path, name: &str) -> Result<String> {
    let text = capture(Command::new("dpkg-deb").arg("-f").arg(deb).arg(name))?;
    Ok(text.trim().to_owned())
}

/// Unpacks the tarball inside the source package.
fn unpack_package(deb: &Path, into: &Path) -> Result<()> {
    let mut outer = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(deb)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    let package = outer
        .stdout
        .take()
        .ok_or_else(|| anyhow!("dpkg-deb has no output"))?;
    let member = format!("./usr/src/linux-source-{SERIES}.tar.xz");
    let mut middle = Command::new("tar")
        .args(["-xO", &member])
        .stdin(package)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run tar")?;
    let compressed = middle
        .stdout
        .take()
        .ok_or_else(|| anyhow!("tar has no output"))?;
    let inner = Command::new("tar")
        .args(["-xJ", "--strip-components=1", "-C"])
        .arg(into)
        .stdin(compressed)
        .status()
        .context("cannot run tar")?;
    if !(outer.wait()?.success() && middle.wait()?.success() && inner.success()) {
        bail!("cannot unpack {member} of {}", deb.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_compare_by_their_numbers() {
        assert!(numbers("7.2.12-1") > numbers("7.2.9-1"));
        assert!(numbers("7.2.12-2") > numbers("7.2.12-1"));
    }
}
