// SPDX-License-Identifier: MIT OR Apache-2.0
//! An image that is changed again and again, and the judgement of each mutant.

use std::ops::{ControlFlow, Range};

use daxfs_format::superblock::SUPERBLOCK_SIZE;
use daxfs_format::{Error, Finding, Image, Rule};
use daxfs_image::hash::Xxh64;
use rayon::prelude::*;

use super::Counts;
use crate::examine::Examiner;
use crate::num::from_usize;
use crate::seal::seal_superblock;
use crate::walk;

/// Runs `each` for the numbers below `count` on all processors, each with an image of its own.
pub(super) fn run(
    image: &[u8],
    count: usize,
    each: impl Fn(&mut Worker, usize, &mut Counts) + Sync,
) -> Counts {
    let fold = |(mut worker, mut counts): (Worker, Counts), index| {
        each(&mut worker, index, &mut counts);
        (worker, counts)
    };
    (0..count)
        .into_par_iter()
        .with_max_len(64)
        .fold(|| (Worker::new(image), Counts::empty()), fold)
        .map(|(_, counts)| counts)
        .reduce(Counts::empty, |mut sum, counts| {
            sum += counts;
            sum
        })
}

/// The depth to which an accepted mutant is examined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Checks,
    Walk,
}

/// An image to be changed, with the buffers that its judgement needs.
pub(super) struct Worker {
    pub(super) bytes: Vec<u8>,
    checksum: Vec<u8>,
    examiner: Examiner,
    buffer: Vec<u8>,
    sections: Vec<Range<u64>>,
    inodes: u64,
}

/// The range of the superblock's checksum.
const CHECKSUM: Range<usize> = 4088..4096;
/// The range of the section table, and the offset of the hashes in an entry of it.
const TABLE: Range<usize> = 192..4032;
const HASHES: usize = 24;

impl Worker {
    fn new(image: &[u8]) -> Self {
        let opened = Examiner::default().open(image).expect("a sound image");
        let known = opened.superblock().sections().iter();
        let mut sections: Vec<_> = known.map(|section| section.offset..section.end()).collect();
        sections.push(0..from_usize(SUPERBLOCK_SIZE));
        Self {
            bytes: image.to_vec(),
            checksum: image[CHECKSUM].to_vec(),
            examiner: Examiner::default(),
            buffer: vec![0; walk::BUFFER],
            sections,
            inodes: opened.inode_count().into(),
        }
    }

    /// Judges the mutant whose `changed` bytes differ.
    pub(super) fn judge(&mut self, changed: Range<usize>, look: Look, counts: &mut Counts) {
        let in_superblock = changed.start < SUPERBLOCK_SIZE;
        if in_superblock && changed.end <= CHECKSUM.start {
            seal_superblock(&mut self.bytes);
        }
        let in_hashes = TABLE.contains(&changed.start)
            && (changed.start - TABLE.start) % 64 + changed.len() > HASHES;
        let mut seen = Seen::default();
        let bytes = &self.bytes[..];
        match self.examiner.open(bytes) {
            Ok(image) => {
                let mut sink = |finding| seen.take(finding);
                let mut outcome = Ok(());
                if in_hashes {
                    outcome = self.examiner.checksums(&image, &mut sink);
                }
                let outcome = outcome.and_then(|()| self.examiner.structure(&image, &mut sink));
                if let Err(stop) = outcome {
                    seen.bad = Some(format!("the check stopped: {stop:?}"));
                } else if seen.first.is_none() {
                    let (examiner, buffer) = (&mut self.examiner, &mut self.buffer);
                    let walker = (look == Look::Walk).then_some((&mut buffer[..], self.inodes));
                    read_accepted(&image, examiner, walker, &mut seen, counts);
                }
            }
            Err(error) => seen.take_error(&error),
        }
        self.count(changed, seen, counts);
        if in_superblock {
            self.bytes[CHECKSUM].copy_from_slice(&self.checksum);
        }
    }

    fn count(&self, changed: Range<usize>, seen: Seen, counts: &mut Counts) {
        counts.mutants += 1;
        for (rule, count) in counts.reached.iter_mut().enumerate() {
            *count += u64::from(seen.rules >> rule & 1 == 1);
        }
        let (at, size) = (from_usize(changed.start), from_usize(self.bytes.len()));
        let mut bad = seen.bad;
        if let Some(first) = seen.first {
            counts.rejected += 1;
            let same = |section: &Range<u64>| section.contains(&at) && section.contains(&first);
            counts.near += u64::from(at.abs_diff(first) < 64 || self.sections.iter().any(same));
            bad = bad.or((first > size).then(|| format!("found at {first:#x}")));
        }
        if let Some(bad) = bad {
            let value = &self.bytes[changed];
            counts.bad.push(format!("{at:#x} = {value:02x?}: {bad}"));
        }
    }

    /// Judges a mutant that is not sealed again.
    pub(super) fn judge_unsealed(&mut self, at: usize, counts: &mut Counts) {
        counts.mutants += 1;
        let mut rules = Vec::new();
        let bytes = &self.bytes[..];
        match self.examiner.open(bytes) {
            Ok(image) => {
                let mut sink = |finding: Finding| {
                    rules.push(finding.rule);
                    ControlFlow::Continue(())
                };
                let outcome = self.examiner.checksums(&image, &mut sink);
                outcome.expect("a check of bytes in memory");
                if rules != [Rule::SectionChecksum, Rule::SectionDigest] {
                    counts
                        .bad
                        .push(format!("{at:#x} is not covered: {rules:?}"));
                    return;
                }
            }
            Err(Error::Corrupt(finding) | Error::Unsupported(finding)) => rules.push(finding.rule),
            Err(Error::Memory(fault)) => counts.bad.push(format!("{at:#x}: {fault}")),
        }
        counts.rejected += 1;
        for rule in rules {
            counts.reached[index_of(rule)] += 1;
        }
    }
}

/// Reads an accepted mutant in every way: by a walk, if there are a buffer and a number of inodes
/// for it, and for the digests.
fn read_accepted(
    image: &Image<&[u8], Xxh64>,
    examiner: &mut Examiner,
    walker: Option<(&mut [u8], u64)>,
    seen: &mut Seen,
    counts: &mut Counts,
) {
    if let Some((buffer, inodes)) = walker {
        let report = walk::walk_with(image, buffer);
        seen.bad = report
            .first
            .map(|problem| format!("accepted, but {problem:?}"));
        let found = report.tally.inodes;
        if found != inodes && seen.bad.is_none() {
            seen.bad = Some(format!("accepted with {found} inodes"));
        }
    }
    match examiner.contents(image) {
        _ if seen.bad.is_some() => {}
        Ok(()) => counts.harmless += 1,
        Err(Error::Corrupt(finding)) if finding.rule == Rule::ContentDigest => {
            seen.mark(finding.rule);
            counts.contents += 1;
        }
        Err(error) => seen.bad = Some(format!("accepted, but {error}")),
    }
}

/// The results of the checks of one mutant.
#[derive(Default)]
struct Seen {
    rules: u128,
    first: Option<u64>,
    bad: Option<String>,
}

impl Seen {
    fn mark(&mut self, rule: Rule) {
        self.rules |= 1 << index_of(rule);
    }

    fn take(&mut self, finding: Finding) -> ControlFlow<()> {
        self.mark(finding.rule);
        self.first.get_or_insert(finding.offset);
        ControlFlow::Continue(())
    }

    fn take_error(&mut self, error: &Error) {
        match error {
            Error::Corrupt(finding) | Error::Unsupported(finding) => {
                let _ = self.take(*finding);
            }
            Error::Memory(fault) => self.bad = Some(fault.to_string()),
        }
    }
}

/// The index of a rule in [`Rule::ALL`].
fn index_of(rule: Rule) -> usize {
    Rule::ALL
        .binary_search(&rule)
        .expect("every rule is among all")
}

const _: () = assert!(Rule::ALL.len() <= 128);
