// SPDX-License-Identifier: MIT OR Apache-2.0
//! Round trip of a file of more than 4 GiB without holes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::{archiver, subject, Archiver};
use crate::process;
use crate::report::{Log, Tally};
use crate::workspace;

/// Size of the file in bytes: more than 4 GiB, and not a multiple of the page.
const SIZE: u64 = (4 << 30) + 1_234_567;
/// Size in bytes of one write.
const CHUNK: usize = 1 << 20;
/// Size in bytes of the parts of the file that all differ.
const PART: usize = 4096;

/// Adds the stage to `tally`.
pub(super) fn stage(tally: &mut Tally) {
    tally.stage("a file over 4 GiB survives", |log| {
        let scratch = scratch()?;
        let source = scratch.path().join("source");
        fs::create_dir(&source)?;
        let file = source.join("large");
        write(&file).with_context(|| format!("cannot write {}", file.display()))?;
        let image = scratch.path().join("image");
        build(&source, &image)?;
        let mut fsck = Command::new(archiver::product("daxfs-fsck"));
        log.run(fsck.arg("--verify-data").arg(&image))?;
        compare(log, &image, &file)
    });
}

/// Makes a scratch directory, in memory if there is enough for the file and its image.
fn scratch() -> Result<TempDir> {
    let directory = if subject::available_memory()? < subject::ROOM {
        workspace::scratch_dir()?
    } else {
        workspace::tmpfs()?.to_owned()
    };
    let mut builder = tempfile::Builder::new();
    Ok(builder.prefix("daxfs-large-").tempdir_in(directory)?)
}

fn write(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    let mut chunk = vec![0x5a; CHUNK];
    let mut number = 0_u64;
    let mut left = SIZE;
    while left != 0 {
        for part in chunk.chunks_exact_mut(PART) {
            number += 1;
            if let Some(head) = part.first_chunk_mut() {
                *head = number.to_le_bytes();
            }
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        file.write_all(chunk.get(..length).unwrap_or_default())?;
        left -= u64::try_from(length)?;
    }
    Ok(())
}

fn build(source: &Path, image: &Path) -> Result<()> {
    let text = process::capture(Archiver::Daxfs.build(source, image).arg("--json"))?;
    let summary: Value = serde_json::from_str(&text).context("mkdaxfs prints no JSON")?;
    let field = |name: &str| summary.get(name).and_then(Value::as_u64);
    let (sparse, bytes) = (field("sparse_files"), field("mappable_bytes"));
    ensure!(
        (sparse, bytes) == (Some(0), Some(SIZE)),
        "{sparse:?} files are sparse and {bytes:?} bytes mappable, not 0 and {SIZE}"
    );
    Ok(())
}

/// Compares by `cmp`, without a second copy of the file.
fn compare(log: &mut Log, image: &Path, file: &Path) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$1\" cat \"$2\" /large | cmp - \"$3\"", "sh"]);
    log.run(
        command
            .arg(archiver::product("daxfs-inspect"))
            .args([image, file]),
    )
}
