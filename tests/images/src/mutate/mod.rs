// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutants of the reference image: every value of every byte, boundary values of every word, and
//! pairs of fields.
//!
//! Each mutant is sealed again, since otherwise the checksums would reject them all and prove
//! nothing about the rules. A mutant is *rejected*, with a finding whose offset lies in the image;
//! or it is *harmless*: a walk reads everything, each way to read an object agrees with the others,
//! and no content has another digest than before; or only the digest of a *content* rejects it. Any
//! other is *bad*.
//!
//! Only those checksums are recomputed that are read: neither the check of the structure nor the
//! readers read the hashes of sections, so those are verified only for mutants of the hashes.
//!
//! | module | owns |
//! |---|---|
//! | `pairs` | every two fields of a structure |
//! | `worker` | an image that is changed again and again, and the judgement of each mutant |

mod pairs;
mod worker;

pub use pairs::{pairs, Pairs};

use std::ops::AddAssign;

use daxfs_format::superblock::SUPERBLOCK_SIZE;
use daxfs_format::{FileData, InodeKind, Rule};

use self::worker::{run, Look};
use crate::examine::Examiner;
use crate::num::{from_usize, to_usize};

/// The number of values that a run tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// About eight values of every byte: fast enough for a test.
    Quick,
    /// All of them.
    Full,
}

/// The results of the mutants of a run.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// All mutants.
    pub mutants: u64,
    /// Rejected by superblock, section table, checksums or structure.
    pub rejected: u64,
    /// Of the rejected: those whose first finding is in the section that was changed.
    pub near: u64,
    /// Rejected by the digest of a content.
    pub contents: u64,
    /// Accepted, and everything could be read.
    pub harmless: u64,
    /// Descriptions of those that were neither rejected nor read.
    pub bad: Vec<String>,
    /// The number of mutants that reached each rule, in the order of [`Rule::ALL`].
    pub reached: Vec<u64>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.mutants += other.mutants;
        self.rejected += other.rejected;
        self.near += other.near;
        self.contents += other.contents;
        self.harmless += other.harmless;
        self.bad.extend(other.bad);
        self.reached.resize(Rule::ALL.len(), 0);
        for (sum, count) in self.reached.iter_mut().zip(other.reached) {
            *sum += count;
        }
    }
}

impl Counts {
    /// The rules that no mutant reached.
    #[must_use]
    pub fn unreached(&self) -> Vec<Rule> {
        let counts = Rule::ALL.iter().zip(&self.reached);
        counts
            .filter(|&(_, &count)| count == 0)
            .map(|(&rule, _)| rule)
            .collect()
    }
}

/// Every value of every byte of an image, contents included.
#[must_use]
pub fn bytes(image: &[u8], extent: Extent) -> Counts {
    let contents = contents_of(image);
    run(image, image.len(), |worker, at, counts| {
        let old = worker.bytes[at];
        // No reader looks at contents, so one walk for each of their bytes is enough.
        let is_content = contents[at];
        for value in values(old, extent) {
            let unread = is_content && value != !old;
            let look = if unread { Look::Checks } else { Look::Walk };
            worker.bytes[at] = value;
            worker.judge(at..at + 1, look, counts);
        }
        worker.bytes[at] = old;
    })
}

/// The other values of a byte that a run tries.
fn values(old: u8, extent: Extent) -> Vec<u8> {
    let mut values: Vec<u8> = match extent {
        Extent::Full => (0..=u8::MAX).collect(),
        Extent::Quick => {
            let near = [old.wrapping_add(1), old.wrapping_sub(1), !old, old ^ 4];
            [&[0, 1, 0x80, 0xff][..], &near].concat()
        }
    };
    values.sort_unstable();
    values.dedup();
    values.retain(|&value| value != old);
    values
}

/// Boundary values of every aligned word of 4 and 8 bytes outside the contents, and in a full run
/// of 2.
#[must_use]
pub fn boundaries(image: &[u8], extent: Extent) -> Counts {
    let contents = contents_of(image);
    let interesting = interesting(image);
    run(image, image.len() / 2, |worker, index, counts| {
        let at = index * 2;
        let widths: &[usize] = match extent {
            Extent::Quick => &[4, 8],
            Extent::Full => &[2, 4, 8],
        };
        for &width in widths {
            if at % width != 0 || at + width > image.len() || contents[at] {
                continue;
            }
            let old: Vec<u8> = worker.bytes[at..at + width].to_vec();
            for value in words(&old, &interesting) {
                worker.bytes[at..at + width].copy_from_slice(&value);
                worker.judge(at..at + width, Look::Walk, counts);
            }
            worker.bytes[at..at + width].copy_from_slice(&old);
        }
    })
}

/// Numbers with a meaning in an image: its size, the bounds of its sections, limits.
pub(crate) fn interesting(image: &[u8]) -> Vec<u64> {
    let mut numbers = vec![
        from_usize(image.len()),
        4095,
        4096,
        65536,
        1 << 31,
        1 << 48,
        1 << 63,
    ];
    let opened = Examiner::default().open(image).expect("a sound image");
    for section in opened.superblock().sections().iter() {
        numbers.extend([section.offset, section.length, section.end()]);
    }
    numbers.push(opened.inode_count().into());
    numbers.push(u64::from(opened.inode_count()) + 1);
    numbers
}

/// Other values of a little-endian word, of its width.
pub(crate) fn words(old: &[u8], interesting: &[u64]) -> Vec<Vec<u8>> {
    let mut wide = [0; 8];
    wide[..old.len()].copy_from_slice(old);
    let number = u64::from_le_bytes(wide);
    let bits = 8 * u32::try_from(old.len()).expect("a width");
    let max = u64::MAX >> (64 - bits);
    let sign = 1 << (bits - 1);
    let mut numbers = vec![0, 1, 2, max, max - 1, sign, sign - 1, sign + 1, max - 4095];
    for step in [1, 8, 16, 64, 4096] {
        numbers.extend([number.wrapping_add(step), number.wrapping_sub(step)]);
    }
    numbers.extend([number.wrapping_mul(2), number / 2]);
    numbers.extend(interesting);
    numbers.iter_mut().for_each(|number| *number &= max);
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|&other| other != number);
    numbers
        .iter()
        .map(|number| number.to_le_bytes()[..old.len()].to_vec())
        .collect()
}

/// Mutants of superblock and metadata sections that are not sealed again: the checksums and the
/// digests must each catch all of them.
#[must_use]
pub fn unsealed(image: &[u8], extent: Extent) -> Counts {
    let covered = covered(image);
    run(image, image.len(), |worker, at, counts| {
        if !covered[at] {
            return;
        }
        let old = worker.bytes[at];
        for value in values(old, extent) {
            worker.bytes[at] = value;
            worker.judge_unsealed(at, counts);
        }
        worker.bytes[at] = old;
    })
}

/// Which bytes a checksum covers.
fn covered(image: &[u8]) -> Vec<bool> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let mut covered = vec![false; image.len()];
    covered[..SUPERBLOCK_SIZE].fill(true);
    for section in opened.superblock().sections().iter() {
        if section.kind.is_metadata() {
            covered[to_usize(section.offset)..to_usize(section.end())].fill(true);
        }
    }
    covered
}

/// Which bytes are contents of files.
pub(crate) fn contents_of(image: &[u8]) -> Vec<bool> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let mut contents = vec![false; image.len()];
    let mut mark = |offset: u64, length: u64| {
        contents[to_usize(offset)..to_usize(offset + length)].fill(true);
    };
    for ino in opened.inode_numbers() {
        let inode = opened.inode(ino).expect("a sound inode");
        match inode.kind {
            InodeKind::Regular(FileData::Direct { offset } | FileData::Packed { offset }) => {
                mark(offset, inode.size);
            }
            InodeKind::Regular(FileData::Sparse(list)) => {
                for index in 0..list.count() {
                    let extent = opened.extent(&list, index).expect("a sound list");
                    let extent = extent.expect("an extent");
                    mark(extent.offset, extent.length);
                }
            }
            _ => {}
        }
    }
    contents
}

impl Counts {
    fn empty() -> Self {
        Self {
            reached: vec![0; Rule::ALL.len()],
            ..Self::default()
        }
    }
}
