// SPDX-License-Identifier: MIT OR Apache-2.0
//! Table of the entries that each tool restores.
//!
//! Ours must restore everything. Losses of the others are reported and fail nothing: they show that
//! the comparison finds differences where there are some.

use std::path::Path;

use anyhow::{ensure, Result};

use super::{Archiver, Subject};
use crate::report::{Log, Tally};
use crate::tree;
use crate::tree::compare::{Differences, ASPECTS};
use crate::tree::record;

/// Number of differences that the log of a failed stage shows.
const SHOWN: usize = 100;

/// Compares the tree that our own tools `extracted`, then those of the peers, and prints the table.
pub(super) fn stages(tally: &mut Tally, subject: &Subject, extracted: &Path) {
    let mut columns = Vec::new();
    tally.stage(&format!("{}: nothing is lost", subject.name), |log| {
        let restored = record::read(extracted)?;
        let found = Differences::after_image(&subject.records, &restored);
        show(log, &found);
        let count: usize = ASPECTS.iter().map(|aspect| found.count(*aspect)).sum();
        columns.push((Archiver::Daxfs, found));
        ensure!(count == 0, "{count} differences");
        Ok(())
    });
    for peer in [Archiver::Erofs, Archiver::Squashfs] {
        tally.stage(
            &format!("{}: {} for comparison", subject.name, peer.name()),
            |log| {
                columns.push((peer, of_peer(log, subject, peer)?));
                Ok(())
            },
        );
    }
    print(subject, &columns);
}

fn show(log: &mut Log, found: &Differences) {
    for line in found.lines().take(SHOWN) {
        log.line(&line);
    }
}

fn of_peer(log: &mut Log, subject: &Subject, peer: Archiver) -> Result<Differences> {
    let image = subject.work.join(format!("{}.image", peer.name()));
    let extracted = subject.work.join(format!("{}.extracted", peer.name()));
    log.run(peer.build(&subject.source, &image).args(peer.exclusions()))?;
    if let Err(error) = log.run(&mut peer.extract(&image, &extracted)) {
        log.note(format!("{error}"));
    }
    let found = Differences::between(&subject.records, &record::read(&extracted)?);
    show(log, &found);
    std::fs::remove_file(image)?;
    tree::remove(&extracted)?;
    Ok(found)
}

/// Prints the number of entries that differ, for each aspect and tool.
fn print(subject: &Subject, columns: &[(Archiver, Differences)]) {
    println!(
        "       {}: entries not restored, of {}",
        subject.name,
        subject.records.len()
    );
    let names = columns
        .iter()
        .map(|(tool, _)| format!(" {:>9}", tool.name()));
    println!("       {:16}{}", "", names.collect::<String>());
    for aspect in ASPECTS {
        let counts = columns
            .iter()
            .map(|(_, found)| format!(" {:>9}", found.count(aspect)));
        println!("       {aspect:16}{}", counts.collect::<String>());
    }
}
