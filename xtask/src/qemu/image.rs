// SPDX-License-Identifier: MIT OR Apache-2.0
//! The images that guests mount.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::artifacts::Artifacts;
use crate::{process, tree, workspace};

/// An image of the tree that the program in the guest knows by heart: it makes the tree here, and
/// compares what it finds in the guest with what it would make.
pub(crate) fn sample(artifacts: &Artifacts) -> Result<PathBuf> {
    let inner = fresh("sample-inner")?;
    process::run(
        Command::new(&artifacts.program)
            .arg("make-inner-tree")
            .arg(&inner),
    )?;
    let inner = build(artifacts, &inner, "sample-inner")?;
    let dir = fresh("sample")?;
    process::run(
        Command::new(&artifacts.program)
            .arg("make-tree")
            .args([&dir, &inner]),
    )?;
    build(artifacts, &dir, "sample")
}

/// The path of a directory in the scratch space that does not exist.
fn fresh(name: &str) -> Result<PathBuf> {
    let dir = workspace::scratch_dir()?.join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(dir)
}

/// An image of a Debian root file system.
pub(crate) fn debian(artifacts: &Artifacts) -> Result<PathBuf> {
    build(artifacts, &tree::debian::obtain()?, "debian")
}

/// A list of everything in the Debian tree, which the guest compares with what it finds.
pub(crate) fn debian_manifest(artifacts: &Artifacts) -> Result<PathBuf> {
    let dir = tree::debian::obtain()?;
    let list = process::capture(Command::new(&artifacts.program).arg("manifest").arg(&dir))?;
    let manifest = workspace::scratch_dir()?.join("debian.manifest");
    fs::write(&manifest, list).with_context(|| format!("cannot write {}", manifest.display()))?;
    Ok(manifest)
}

/// An image of `dir`.
pub(crate) fn build(artifacts: &Artifacts, dir: &Path, name: &str) -> Result<PathBuf> {
    let image = workspace::scratch_dir()?.join(format!("{name}.daxfs"));
    if image.exists() {
        fs::remove_file(&image).with_context(|| format!("cannot remove {}", image.display()))?;
    }
    process::capture(Command::new(&artifacts.mkdaxfs).arg(dir).arg(&image))?;
    Ok(image)
}
