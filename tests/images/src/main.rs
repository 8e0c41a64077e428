// SPDX-License-Identifier: MIT OR Apache-2.0
//! `hostile`: what takes longer than a test, and the page about hostile images. `cargo xtask hostile`
//! starts it.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use daxfs_hostile::document::{markdown, part, MEASURED};
use daxfs_hostile::measure::Measured;
use daxfs_hostile::mutate::Extent;

/// Hostile images: counts and tables.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge every mutant of the reference image, change every word between every two loads of every
    /// reader, and search the compiled format crate for ways to panic; fails when something is bad.
    Measure {
        /// Try about eight values of each byte and four of each field, and record nothing.
        #[arg(long)]
        quick: bool,
    },
    /// Print the page about hostile images.
    Document,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Measure { quick: true } => measure(Extent::Quick),
        Command::Measure { quick: false } => measure(Extent::Full),
        Command::Document => {
            print!("{}", markdown());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn measure(extent: Extent) -> Result<ExitCode> {
    let measured = Measured::run(extent, |what| eprintln!("{what} ..."))?;
    let text = measured.markdown();
    print!("{text}");
    let bad: Vec<_> = measured.bad().collect();
    for bad in bad.iter().take(50) {
        println!("bad: {bad}");
    }
    println!("\n{} tried, {} bad", measured.tried(), bad.len());
    if !bad.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    if extent == Extent::Full {
        let path = part(MEASURED);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
