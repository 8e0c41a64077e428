// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measurements of `daxfs-fsck` and of lookups.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::floor;
use super::measure::{self, median};
use super::table::{self, Row};
use crate::roundtrip::Archiver;
use crate::{process, workspace};

/// Goal for the structural check of the kernel source's image.
const CHECK_GOAL: Duration = Duration::from_millis(50);

/// Goal for a lookup in the large directory.
const LOOKUP_GOAL: Duration = Duration::from_micros(1);

/// Number of names in the large directory.
const MILLION: u32 = 1_000_000;

/// Measures `daxfs-fsck` on `image`, structure alone and with all data.
///
/// # Errors
/// When the image is not clean.
pub(super) fn rows(name: &str, image: &Path, runs: u32) -> Result<Vec<Row>> {
    let (mut structure, mut data, mut hash) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        structure.push(measure::time(&mut fsck(&[], image))?.wall);
        data.push(measure::time(&mut fsck(&["--verify-data"], image))?.wall);
        hash.push(floor::hash_file(image)?);
    }
    Ok(vec![
        Row::times(
            format!("{name}: fsck against 50 ms"),
            median(&structure),
            CHECK_GOAL,
            Some(1.0),
        ),
        Row::times(
            format!("{name}: fsck --verify-data against SHA-256 of the image"),
            median(&data),
            median(&hash),
            None,
        ),
    ])
}

fn fsck(options: &[&str], image: &Path) -> Command {
    let mut command = Command::new(workspace::release_binary("daxfs-fsck"));
    command.arg("--quiet").args(options).arg(image);
    command
}

/// Measures lookups in a directory of a million names, made in `dir`.
///
/// # Errors
/// When the tree or its image cannot be made.
pub(super) fn lookups(dir: &Path) -> Result<Vec<Row>> {
    let (source, image) = (dir.join("million"), dir.join("million.image"));
    fs::create_dir(&source)?;
    for index in 0..MILLION {
        File::create_new(source.join(format!("some-file-{index}")))?;
    }
    let build = measure::time(&mut Archiver::Daxfs.build(&source, &image))?;
    println!(
        "\nan image of a directory with {MILLION} names took {}",
        table::time(build.wall)
    );
    let example = [
        "build",
        "--release",
        "--package",
        "daxfs-image",
        "--example",
        "lookup",
    ];
    process::run(process::cargo().args(example))?;
    let program = workspace::release_binary("examples/lookup");
    let report = process::capture(Command::new(program).arg(&image).arg("/"))?;
    report.lines().map(lookup_row).collect()
}

/// Reads a line of the `lookup` example: the kind of name, and nanoseconds.
fn lookup_row(line: &str) -> Result<Row> {
    let (what, nanoseconds) = line
        .split_once(' ')
        .context("lookup printed an unknown line")?;
    let time = Duration::from_nanos(nanoseconds.parse()?);
    let what = format!("lookup of a name that is {what} among a million, against 1 us");
    Ok(Row::times(what, time, LOOKUP_GOAL, Some(1.0)))
}
