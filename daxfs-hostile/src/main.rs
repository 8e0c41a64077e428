// SPDX-License-Identifier: MIT OR Apache-2.0
//! `hostile`: what takes longer than a test, and what is written for other programs.

use std::path::{Path, PathBuf};
use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use daxfs_hostile::fuzz::TARGETS;

/// Hostile images: counts, tables and seeds.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the inputs that fuzzing begins with, a directory for each target.
    Seeds {
        /// Where the directories are made.
        directory: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Seeds { directory } => write_seeds(&directory)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_seeds(directory: &Path) -> Result<()> {
    for target in TARGETS {
        let directory = directory.join(target.name);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            let path = directory.join(format!("seed-{index}"));
            fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}
