// SPDX-License-Identifier: MIT OR Apache-2.0
//! The newest tools of other file systems, beside the machine's own.
//!
//! They come from a newer suite of the Debian archive than most machines run, with the libraries
//! that they need, and are unpacked in the cache. They run by the dynamic linker of that tree, so
//! that nothing is installed and no root is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::kernel::cache::{self, Lock};
use crate::kernel::step::step;
use crate::packages::archive::Archive;
use crate::{process, tree};

/// The suite that has the newest versions.
const SUITE: &str = "forky";

const PACKAGES: [&str; 3] = ["erofs-utils", "squashfs-tools", "squashfs-tools-ng"];

/// The list of unpacked packages, in the tree.
const LIST: &str = "packages";

/// The unpacked programs with their libraries.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    root: PathBuf,
    linker: PathBuf,
    libraries: PathBuf,
}

/// Returns the newest tools, unpacked in the cache by the first call.
///
/// # Errors
/// When the archive cannot be reached or has no such suite; the error says what to do.
pub(crate) fn newest() -> Result<Tools> {
    let _lock = Lock::acquire("peers")?;
    let parent = cache::subdirectory(&cache::directory()?, "trees")?;
    let root = parent.join(format!("peers-{SUITE}"));
    if !root.is_dir() {
        let what = format!("unpacking {} of {SUITE}", PACKAGES.join(", "));
        step(&what, || unpack(&root)).context(
            "the newest tools of other file systems are missing: they need a Debian machine with \
             its package mirror",
        )?;
    }
    Tools::at(root)
}

/// Unpacks the packages with their dependencies.
fn unpack(root: &Path) -> Result<()> {
    let partial = root.with_extension("partial");
    tree::remove(&partial)?;
    fs::create_dir(&partial)?;
    let mut list = String::new();
    for package in Archive::new("apt-peers", &[SUITE])?.download_all(&PACKAGES)? {
        let mut unpack = Command::new("dpkg-deb");
        process::capture(unpack.arg("-x").arg(&package).arg(&partial))?;
        let name = package.file_stem().unwrap_or_default();
        list += &format!("{}\n", name.to_string_lossy());
        fs::remove_file(&package)?;
    }
    fs::write(partial.join(LIST), list)?;
    fs::rename(&partial, root).with_context(|| format!("cannot create {}", root.display()))
}

impl Tools {
    fn at(root: PathBuf) -> Result<Self> {
        let linker = entry(&root.join("usr/lib64"), |name| name.starts_with("ld-linux"))?;
        let libraries = entry(&root.join("usr/lib"), |name| name.ends_with("-linux-gnu"))?;
        Ok(Self {
            root,
            linker,
            libraries,
        })
    }

    /// Returns a command that runs a program.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(&self.linker);
        command
            .args(["--argv0", program, "--inhibit-cache", "--library-path"])
            .arg(&self.libraries)
            .arg(self.root.join("usr/bin").join(program));
        command
    }

    /// Returns the lines in which the tools that make images state their versions.
    ///
    /// # Errors
    /// When one cannot be started.
    pub(crate) fn versions(&self) -> Result<[String; 2]> {
        Ok([
            self.version("mkfs.erofs", "--version")?,
            self.version("mksquashfs", "-version")?,
        ])
    }

    fn version(&self, program: &str, option: &str) -> Result<String> {
        let mut command = self.command(program);
        let output = command.arg(option).output();
        let output = output.with_context(|| format!("cannot start {program}"))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|line| !line.trim().is_empty());
        let line = line.unwrap_or_default().trim().to_owned();
        ensure!(!line.is_empty(), "{program} {option} prints no version");
        Ok(line)
    }
}

/// Returns the entry of a directory whose name is accepted.
fn entry(dir: &Path, accepts: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&accepts) {
            return Ok(entry.path());
        }
    }
    anyhow::bail!(
        "{} lacks the dynamic linker or its libraries",
        dir.display()
    )
}
