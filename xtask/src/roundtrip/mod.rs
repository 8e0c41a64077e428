// SPDX-License-Identifier: MIT OR Apache-2.0
//! Round trips of real trees: image, check, extraction, comparison.
//!
//! | module | owns |
//! |---|---|
//! | [`archiver`] | the command lines of the tools that make images and take them apart |
//! | [`fidelity`] | a table of the entries that each tool restores |
//! | [`reproducible`] | the same image from copies of a tree, with any number of threads |
//! | [`subject`] | the trees, and the scratch space beside them |

mod archiver;
mod fidelity;
mod large;
mod reproducible;
mod subject;

use std::process::Command;

use anyhow::{ensure, Result};

use crate::report::{Log, Tally};

pub(crate) use archiver::{release_build, Archiver};
use subject::Subject;

/// Adds the round trips of all trees to `tally`.
pub(crate) fn stages(tally: &mut Tally) {
    let built = tally.stage("release build", |log| log.run(&mut release_build()));
    if !built {
        return;
    }
    large::stage(tally);
    for prepare in [Subject::DEBIAN, Subject::LINUX] {
        let mut subject = None;
        tally.stage(prepare.0, |log| {
            subject = Some((prepare.1)(log)?);
            Ok(())
        });
        if let Some(subject) = subject {
            trips(tally, &subject);
        }
    }
}

/// Adds all stages over one tree. Later stages use files of earlier ones.
fn trips(tally: &mut Tally, subject: &Subject) {
    let name = subject.name;
    let image = subject.work.join("daxfs.image");
    if !tally.stage(&format!("{name}: mkdaxfs"), |log| {
        log.run(&mut Archiver::Daxfs.build(&subject.source, &image))
    }) {
        return;
    }
    for (what, options) in [
        ("fsck", &[][..]),
        ("fsck --verify-data", &["--verify-data"][..]),
    ] {
        tally.stage(&format!("{name}: {what}"), |log| {
            log.run(
                Command::new(archiver::product("daxfs-fsck"))
                    .args(options)
                    .arg(&image),
            )
        });
    }
    let extracted = subject.work.join("daxfs.extracted");
    let restored = tally.stage(&format!("{name}: extract"), |log| {
        log.run(&mut Archiver::Daxfs.extract(&image, &extracted))
    });
    if restored {
        tally.stage(&format!("{name}: rsync finds no difference"), |log| {
            rsync(log, subject, &extracted)
        });
        fidelity::stages(tally, subject, &extracted);
    }
    reproducible::stages(tally, subject, &image);
    if let Err(error) = subject.clean() {
        tally.stage(&format!("{name}: clean up"), |_| Err(error));
    }
}

/// Compares by `rsync`, which shares no code with this program: contents by checksum, and all
/// metadata that it supports.
fn rsync(log: &mut Log, subject: &Subject, extracted: &std::path::Path) -> Result<()> {
    let mut command = Command::new("rsync");
    command.args(["-aHAXnci", "--delete", "--numeric-ids"]);
    command.arg(subject.source.join("")).arg(extracted.join(""));
    let mut lines = 0_u64;
    log.run_lines(&mut command, |_| lines += 1)?;
    ensure!(lines == 0, "rsync lists {lines} differences");
    Ok(())
}
