// SPDX-License-Identifier: MIT OR Apache-2.0
//! `fuzz-seeds`: writes the seed inputs of fuzzing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use daxfs_fuzztargets::targets;

/// Write the seed inputs of fuzzing, a directory for each target.
#[derive(Parser)]
struct Arguments {
    /// The directory in which these directories are made.
    directory: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    for target in targets() {
        let directory = arguments.directory.join(target.name);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            let path = directory.join(format!("seed-{index}"));
            fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}
