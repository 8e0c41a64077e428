// SPDX-License-Identifier: MIT OR Apache-2.0
//! `hostile`: what takes longer than a test, and what is written for other programs.

use std::path::{Path, PathBuf};
use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use daxfs_format::Rule;
use daxfs_hostile::document::markdown;
use daxfs_hostile::fuzz::TARGETS;
use daxfs_hostile::mutate::{self, Counts, Extent};
use daxfs_hostile::reference::reference;
use daxfs_hostile::{panics, refetch};

/// Hostile images: counts, tables and seeds.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge every mutant of the reference image and print the counts; fails when one is bad.
    Mutate {
        /// Try about eight values of each byte instead of all.
        #[arg(long)]
        quick: bool,
    },
    /// Print the page about hostile images.
    Document,
    /// Search the compiled format crate for ways to panic; fails when there is one.
    Panics,
    /// Change every word of the reference image between every two loads of every reader.
    Refetch,
    /// Write the inputs that fuzzing begins with, a directory for each target.
    Seeds {
        /// Where the directories are made.
        directory: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Mutate { quick } => return Ok(judge_mutants(quick)),
        Command::Document => print!("{}", markdown()),
        Command::Panics => return search_panics(),
        Command::Refetch => refetch_words(),
        Command::Seeds { directory } => write_seeds(&directory)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn judge_mutants(quick: bool) -> ExitCode {
    let extent = if quick { Extent::Quick } else { Extent::Full };
    let image = reference();
    println!("reference image: {} bytes", image.len());
    let single = mutate::bytes(&image, extent);
    report("values of single bytes", &single);
    let words = mutate::boundaries(&image, extent);
    report("boundary values of words", &words);
    let unsealed = mutate::unsealed(&image, extent);
    report("values of single bytes, not sealed", &unsealed);
    let sealed = report_rules(single.clone(), &words);
    let bad = [&single, &words, &unsealed]
        .iter()
        .any(|counts| !counts.bad.is_empty());
    if bad || sealed == 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn report(what: &str, counts: &Counts) {
    println!(
        "{what}: {} mutants: {} rejected ({} of them in the section that was changed), \
         {} rejected by the digest of a content, {} harmless, {} bad",
        counts.mutants,
        counts.rejected,
        counts.near,
        counts.contents,
        counts.harmless,
        counts.bad.len()
    );
    for bad in counts.bad.iter().take(50) {
        println!("  {bad}");
    }
}

/// Prints how many sealed mutants reached each rule, and returns how many rules were reached.
fn report_rules(mut counts: Counts, words: &Counts) -> usize {
    counts += words.clone();
    println!("\nmutants that reached each rule:");
    for (rule, count) in Rule::ALL.iter().zip(&counts.reached) {
        println!("  {count:>9}  {rule}");
    }
    for rule in counts.unreached() {
        println!("no mutant reached {rule}; a named class does");
    }
    Rule::ALL.len() - counts.unreached().len()
}

fn search_panics() -> Result<ExitCode> {
    let found = panics::search()?;
    for symbol in &found {
        println!("{symbol}");
    }
    println!("{} ways to panic", found.len());
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn refetch_words() {
    for (name, outcome) in refetch::enumerate_all(&reference()) {
        println!(
            "{name}: {} operations, {} loads of words, {} runs, {} reads in the longest",
            outcome.operations, outcome.loads, outcome.runs, outcome.most
        );
    }
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
