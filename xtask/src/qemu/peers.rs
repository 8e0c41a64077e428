// SPDX-License-Identifier: MIT OR Apache-2.0
//! Images of other file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, Result};
use daxfs_vm_protocol::suite::Peer;

use crate::peers::{self, Tools};
use crate::{packages, process, tree, workspace};

/// Makes the image of a tree.
pub(super) fn make(peer: Peer, dir: &Path, name: &str) -> Result<PathBuf> {
    let image = fresh(&format!("{name}.{peer:?}"))?;
    match peer {
        Peer::Erofs => erofs(dir, &image, &[])?,
        Peer::ErofsDigests => erofs(dir, &image, &DIGESTS)?,
        Peer::Ext4 => ext4(dir, &image)?,
    }
    Ok(image)
}

/// Makes an ext4 image of `dir`, without a journal: it is mounted read-only.
fn ext4(dir: &Path, image: &Path) -> Result<()> {
    packages::install(&[("e2fsprogs", "/sbin/mkfs.ext4")])?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-b", "4096", "-O", "^has_journal", "-m", "0", "-d"]);
    process::capture(make.arg(dir).arg(image).arg("900M")).map(drop)
}

/// Options of EROFS images: no inline tails, since a file whose tail lies in the metadata cannot be
/// mapped in place.
const EROFS: [&str; 3] = ["--quiet", "-x2", "-E^inline_data"];

/// Records the digests that the mount option `inode_share` compares.
const DIGESTS: [&str; 1] = ["--xattr-inode-digest=trusted.erofs.fingerprint"];

/// Makes an EROFS image of `dir`, each file of 2 MiB or more at a multiple of 2 MiB.
///
/// `--dsunit=512` alone aligns every file, also the smallest one: the image of a Debian tree then
/// spans 24 GB. So the large files are written first with it, and the others are added without.
fn erofs(dir: &Path, image: &Path, options: &[&str]) -> Result<()> {
    let tools = newest()?;
    let scratch = image.with_extension("large");
    let large = large_files(dir)?;
    copy(dir, &large, &scratch)?;
    let mut first = tools.command("mkfs.erofs");
    first.args(EROFS).args(options).arg("--dsunit=512");
    process::capture(first.arg(image).arg(&scratch))?;
    tree::remove(&scratch)?;
    let mut second = tools.command("mkfs.erofs");
    second.args(EROFS).args(options).arg("--incremental=data");
    second.args(large.iter().map(|path| format!("--exclude-path={path}")));
    process::capture(second.arg(image).arg(dir)).map(drop)
}

/// Returns the newest mkfs.erofs, and prints its version once.
fn newest() -> Result<Tools> {
    static PRINTED: Once = Once::new();
    let tools = peers::newest()?;
    let [version, _] = tools.versions()?;
    PRINTED.call_once(|| println!("{version}"));
    Ok(tools)
}

/// Returns the paths in `dir` of the regular files of 2 MiB or more.
fn large_files(dir: &Path) -> Result<Vec<String>> {
    let mut find = Command::new("find");
    find.current_dir(dir).args(["-xdev", "-type", "f"]);
    let list = process::capture(find.args(["-size", "+2097151c", "-printf", "%P\\0"]))?;
    let paths = list.split_terminator('\0').map(str::to_owned);
    Ok(paths.collect())
}

/// Copies files with their attributes and the directories above them to the new directory `to`.
fn copy(dir: &Path, files: &[String], to: &Path) -> Result<()> {
    tree::remove(to)?;
    fs::create_dir(to).with_context(|| format!("cannot create {}", to.display()))?;
    if files.is_empty() {
        return Ok(());
    }
    let mut copy = Command::new("cp");
    copy.current_dir(dir).args(["-a", "--parents", "-t"]);
    process::capture(copy.arg(to).arg("--").args(files)).map(drop)
}

/// Returns a path in the scratch directory at which there is no file.
fn fresh(name: &str) -> Result<PathBuf> {
    let path = workspace::scratch_dir()?.join(name);
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(path)
}
