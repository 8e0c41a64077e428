// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask dist`: everything that a package installs, as a tree in `target/dist` that is copied
//! to `/`. `packaging/README.md` lists the files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::roundtrip::release_build;
use crate::{process, tree, workspace};

/// The programs, in the package's `usr/bin`.
const PROGRAMS: [&str; 3] = ["mkdaxfs", "daxfs-fsck", "daxfs-inspect"];

/// Writes the tree.
///
/// # Errors
/// When the tools do not build, or the directory cannot be written.
pub(crate) fn run() -> Result<()> {
    process::run(&mut release_build())?;
    tree::remove(&directory())?;
    process::run(&mut command())?;
    let bin = directory().join("usr/bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
    for name in PROGRAMS {
        let program = workspace::release_binary(name);
        fs::copy(&program, bin.join(name))
            .with_context(|| format!("cannot copy {}", program.display()))?;
    }
    println!("the tree of a package is in {}", directory().display());
    Ok(())
}

/// Returns the command that writes everything but the programs.
pub(crate) fn command() -> Command {
    let mut command = process::cargo();
    command
        .args(["run", "--quiet", "--package", "daxfs-dist", "--"])
        .arg(directory());
    command
}

fn directory() -> PathBuf {
    workspace::target_dir().join("dist")
}
