// SPDX-License-Identifier: MIT OR Apache-2.0
//! `hostile`: everything that is enumerated about hostile images, in one run. `cargo xtask hostile`
//! starts it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a development program: a panic where its output is closed does no harm"
)]

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use daxfs_hostile::document::{self, CLASSES, COUNTS};
use daxfs_hostile::measure::Measured;
use daxfs_hostile::mutate::Extent;

/// Judge every mutant of the reference image, change every word between every two loads of every
/// reader, and search the compiled format crate for ways to panic. Exit status 1 if a result is
/// bad.
#[derive(Parser)]
struct Arguments {
    /// Try about eight values of each byte and four of each field, and record nothing.
    #[arg(long)]
    quick: bool,

    /// Write the list of classes, and try nothing.
    #[arg(long, conflicts_with = "quick")]
    document: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if !arguments.quick {
        write(CLASSES, &document::classes())?;
    }
    if arguments.document {
        return Ok(ExitCode::SUCCESS);
    }
    measure(if arguments.quick {
        Extent::Quick
    } else {
        Extent::Full
    })
}

fn measure(extent: Extent) -> Result<ExitCode> {
    let measured = Measured::run(extent, |part| eprintln!("{part} ..."))?;
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
        write(COUNTS, &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(document::file(path), text).with_context(|| format!("cannot write {path}"))
}
