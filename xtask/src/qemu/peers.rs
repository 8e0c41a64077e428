// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images of other file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use daxfs_vm_protocol::suite::Peer;

use crate::{packages, process, workspace};

const PACKAGES: &[(&str, &str)] = &[
    ("erofs-utils", "/usr/bin/mkfs.erofs"),
    ("e2fsprogs", "/sbin/mkfs.ext4"),
];

/// Makes the image of a tree.
pub(super) fn make(peer: Peer, dir: &Path, name: &str) -> Result<PathBuf> {
    match peer {
        Peer::Erofs => erofs(dir, name),
        Peer::Ext4 => ext4(dir, name),
    }
}

/// Makes an ext4 image of `dir`, without a journal: it is mounted read-only.
fn ext4(dir: &Path, name: &str) -> Result<PathBuf> {
    let image = fresh(&format!("{name}.ext4"))?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-b", "4096", "-O", "^has_journal", "-m", "0", "-d"])
        .arg(dir)
        .arg(&image);
    process::capture(make.arg("900M"))?;
    Ok(image)
}

/// Makes an EROFS image of `dir`, without inline tails: a file whose tail lies in the metadata
/// cannot be mapped in place.
fn erofs(dir: &Path, name: &str) -> Result<PathBuf> {
    let image = fresh(&format!("{name}.erofs"))?;
    let mut make = Command::new("mkfs.erofs");
    process::capture(make.args(["-x2", "-Enoinline_data"]).arg(&image).arg(dir))?;
    Ok(image)
}

fn fresh(name: &str) -> Result<PathBuf> {
    packages::install(PACKAGES)?;
    let path = workspace::scratch_dir()?.join(name);
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(path)
}
