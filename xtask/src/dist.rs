// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask dist`: manual pages and shell completions, into `target/dist`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{process, workspace};

/// Writes the pages and completions.
///
/// # Errors
/// When the tools do not build, or the directory cannot be written.
pub(crate) fn run() -> Result<()> {
    process::run(&mut command())?;
    println!(
        "manual pages and completions are in {}",
        directory().display()
    );
    Ok(())
}

/// Returns the command that writes them.
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
