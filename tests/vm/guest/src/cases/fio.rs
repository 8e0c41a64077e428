// SPDX-License-Identifier: MIT OR Apache-2.0
//! fio(1) verifies files that it wrote on the host before the image was made: each block holds its
//! offset and a CRC of its content.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{bail, ensure, Context, Result};

use super::Case;
use crate::boot::IMAGE;
use crate::sys::read_text;
use crate::targets::{self, Target};

pub(super) const CASES: &[Case] = &[
    ("psync", || verify("psync", Cache::Default)),
    ("psync-direct", || verify("psync", Cache::Direct)),
    ("preadv2", || verify("pvsync2", Cache::Default)),
    ("mmap", || verify("mmap", Cache::Default)),
    ("libaio", || verify("libaio", Cache::Default)),
    ("libaio-direct", || verify("libaio", Cache::Direct)),
    ("io_uring", || verify("io_uring", Cache::Default)),
    ("io_uring-direct", || verify("io_uring", Cache::Direct)),
    ("a-wrong-byte-is-noticed", wrong_byte),
];

/// The use of the page cache: files are opened with or without `O_DIRECT`.
#[derive(Clone, Copy)]
enum Cache {
    Default,
    Direct,
}

impl Cache {
    fn option(self) -> &'static str {
        match self {
            Self::Default => "--direct=0",
            Self::Direct => "--direct=1",
        }
    }
}

/// The file that is wrong in one byte.
const WRONG: &str = "wrong";

/// A set of files: its name, and the options with which fio wrote it.
struct Files {
    name: String,
    layout: Vec<String>,
}

/// The sets, as the host listed them.
fn sets() -> Result<Vec<Files>> {
    let list = read_text(format!("{IMAGE}/srv/subject/fio.list"))?;
    let sets = list.lines().filter_map(|line| {
        let (name, layout) = line.split_once(' ')?;
        Some(Files {
            name: name.to_owned(),
            layout: layout.split(' ').map(str::to_owned).collect(),
        })
    });
    Ok(sets.collect())
}

/// The orders of reads.
const PATTERNS: &[&str] = &["read", "randread"];

fn verify(engine: &str, cache: Cache) -> Result<()> {
    let row = match cache {
        Cache::Default => engine.to_owned(),
        Cache::Direct => format!("{engine}, O_DIRECT"),
    };
    let mut ours = Ok(());
    for target in targets::all()? {
        let result = verify_all(&target, engine, cache);
        match &result {
            Ok(verified) => target.tell("fio", &row, format!("{verified} kB verified")),
            Err(error) => target.tell("fio", &row, format!("failed: {error:#}")),
        }
        if target.is_ours() {
            ours = result.map(drop);
        }
    }
    ours
}

/// Returns how many kB were verified.
fn verify_all(target: &Target, engine: &str, cache: Cache) -> Result<u64> {
    let directory = target.root.join("srv/subject/fio");
    let mut verified = 0;
    for set in sets()?.iter().filter(|set| set.name != WRONG) {
        let wanted = size_of_all(&directory, &set.name)? / 1024;
        for pattern in PATTERNS {
            let options = [
                &format!("--ioengine={engine}"),
                cache.option(),
                &format!("--rw={pattern}"),
                "--iodepth=8",
            ];
            let what = || format!("{}, {pattern}", set.name);
            let found = run(&directory, set, &options).with_context(what)?;
            ensure!(
                found == wanted,
                "{}: {found} kB verified of {wanted}",
                what()
            );
            verified += found;
        }
    }
    ensure!(verified > 0, "nothing was verified");
    Ok(verified)
}

/// The bytes in the files of a set.
fn size_of_all(directory: &Path, name: &str) -> Result<u64> {
    let prefix = format!("{name}.");
    let mut total = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            total += entry.metadata()?.len();
        }
    }
    Ok(total)
}

/// Runs one job; returns how many kB it read and verified.
fn run(directory: &Path, set: &Files, options: &[&str]) -> Result<u64> {
    let output = Command::new("fio")
        .arg(format!("--name={}", set.name))
        .arg(format!("--directory={}", directory.display()))
        .args([
            "--verify=crc32c",
            "--verify_fatal=1",
            "--thread",
            "--readonly",
        ])
        .args(["--output-format=terse", "--terse-version=3"])
        .args(&set.layout)
        .args(options)
        .current_dir("/tmp")
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.starts_with("3;fio-"));
    let fields: Vec<&str> = line.unwrap_or_default().split(';').collect();
    let &[_, _, _, _, error, read, ..] = fields.as_slice() else {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("fio said {}", errors.trim().replace('\n', "; "));
    };
    ensure!(
        error == "0" && output.status.success(),
        "fio ended with error {error} after {read} kB"
    );
    Ok(read.parse()?)
}

/// The file is like the others but for one byte, which was changed after fio had written it.
fn wrong_byte() -> Result<()> {
    let wrong = sets()?
        .into_iter()
        .find(|set| set.name == WRONG)
        .context("no such file")?;
    for target in targets::all()? {
        let options = &["--ioengine=psync", "--rw=read"];
        match run(&target.root.join("srv/subject/fio"), &wrong, options) {
            Ok(verified) => bail!(
                "{}: {verified} kB verified, one byte of them wrong",
                target.name
            ),
            Err(error) => target.tell(
                "fio",
                "a file with a wrong byte",
                format!("noticed: {error:#}"),
            ),
        }
    }
    Ok(())
}
