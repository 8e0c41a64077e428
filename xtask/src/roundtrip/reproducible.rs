// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same image from copies of a tree, with any path, order of directories, storage of zeros and
//! number of threads.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{ensure, Result};

use super::{Archiver, Subject};
use crate::kernel::cache::digest_file;
use crate::report::{Log, Tally};
use crate::tree::compare::Differences;
use crate::tree::record::{self, Kind};
use crate::tree::replicate::{self, Order};
use crate::workspace::tmpfs;

/// Builds the tree again in three ways and expects the bytes of `image` each time.
pub(super) fn stages(tally: &mut Tally, subject: &Subject, image: &Path) {
    for threads in ["1", "2"] {
        tally.stage(
            &format!("{}: same image with -j{threads}", subject.name),
            |log| rebuild(log, subject, &subject.source, threads, image),
        );
    }
    tally.stage(
        &format!("{}: same image from a reversed copy", subject.name),
        |log| {
            let scratch = tempfile::tempdir_in(tmpfs()?)?;
            let copy = scratch.path().join("another path");
            replicate::copy(&subject.source, &subject.records, &copy, Order::Reverse)?;
            let difference = Differences::between(&subject.records, &record::read(&copy)?);
            for line in difference.lines().take(20) {
                log.line(&line);
            }
            ensure!(
                difference.is_empty(),
                "the copy differs from the tree, so it proves nothing"
            );
            let reordered = reordered(subject, &copy)?;
            ensure!(
                reordered > 0,
                "all directories list alike, so the copy proves nothing"
            );
            log.note(format!("{reordered} directories list in another order"));
            rebuild(log, subject, &copy, "2", image)?;
            let filled = replicate::fill_holes(&subject.records, &copy)?;
            log.note(format!("{filled} files have zeros for holes"));
            rebuild(log, subject, &copy, "2", image)
        },
    );
}

fn rebuild(
    log: &mut Log,
    subject: &Subject,
    source: &Path,
    threads: &str,
    expected: &Path,
) -> Result<()> {
    let again = subject.work.join("again.image");
    let mut command: Command = Archiver::Daxfs.build(source, &again);
    log.run(command.args(["--threads", threads]))?;
    let (was, is) = (digest_file(expected)?, digest_file(&again)?);
    log.line(&format!("{was} expected\n{is} found"));
    fs::remove_file(&again)?;
    ensure!(was == is, "the images differ: SHA-256 {was} and {is}");
    Ok(())
}

/// Number of directories of `copy` that list their entries in another order than in the source.
fn reordered(subject: &Subject, copy: &Path) -> Result<usize> {
    let mut count = 0;
    for record in subject
        .records
        .iter()
        .filter(|record| record.kind == Kind::Directory)
    {
        let here = names(&subject.source.join(&record.path))?;
        count += usize::from(here != names(&copy.join(&record.path))?);
    }
    Ok(count)
}

fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>> {
    fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}
