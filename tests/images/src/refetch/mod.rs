// SPDX-License-Identifier: MIT OR Apache-2.0
//! Double fetches: every word that a reader loads changes between two of its loads.
//!
//! Each operation of a reader runs once on a memory that notes how often it loads each word. Then
//! it runs again for each of these loads, on a memory that gives another value at that load: once,
//! or from then on. Operations that work on an object which was validated before (a directory, a
//! list) get it as it was in the sound image, as in a kernel that keeps it.
//!
//! An error is a good result, and so is a wrong answer. Defects are a panic, a read outside the
//! image, and more loads than the image has bytes.
//!
//! | module | owns |
//! |---|---|
//! | `memory` | memories that count and change loads |
//! | `operations` | the operations of readers |

mod memory;
mod operations;

pub use operations::{operations, Operation, READERS};

use std::cell::{Cell, RefCell};

use daxfs_format::superblock::Superblock;
use daxfs_test_random::mix;
use rayon::prelude::*;

use self::memory::{Change, Changing, Noting, WORD};
use crate::examine::Examiner;
use crate::num::{from_usize, len64};

/// The results of the runs of one kind of operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// The number of operations.
    pub operations: u64,
    /// The number of loads of words that were changed, each in several ways.
    pub loads: u64,
    /// The number of runs.
    pub runs: u64,
    /// The most loads of one run.
    pub most: u64,
}

/// Runs one operation for every change at every load.
#[must_use]
pub fn enumerate(image: &[u8], superblock: &Superblock, operation: &Operation) -> Outcome {
    let noting = Noting {
        bytes: image,
        loads: RefCell::new(vec![0; image.len().div_ceil(WORD)]),
    };
    (operation.run)(&noting, superblock);
    let loads = noting.loads.into_inner();
    let mut outcome = Outcome {
        operations: 1,
        loads: loads.iter().map(|&load| u64::from(load)).sum(),
        ..Outcome::default()
    };
    for (word, &count) in loads.iter().enumerate() {
        for nth in 0..count {
            for value in values(image, word) {
                for change in [Change::Once, Change::Lasting] {
                    let most =
                        run_changed(image, superblock, operation, (word, nth, value, change));
                    outcome.runs += 1;
                    outcome.most = outcome.most.max(most);
                }
            }
        }
    }
    outcome
}

fn run_changed(
    image: &[u8],
    superblock: &Superblock,
    operation: &Operation,
    (word, nth, value, change): (usize, u32, [u8; WORD], Change),
) -> u64 {
    let memory = Changing {
        bytes: image,
        word,
        nth,
        value,
        change,
        seen: Cell::new(0),
        loads: Cell::new(0),
        loaded: Cell::new(0),
    };
    (operation.run)(&memory, superblock);
    let (loads, loaded) = (memory.loads.get(), memory.loaded.get());
    let length = len64(image);
    assert!(
        loads <= length && loaded <= 8 * length,
        "{}: {loads} loads of {loaded} bytes with {value:?} at word {word} from load {nth}",
        operation.name
    );
    loads
}

/// Other values of a word: none, all, one more, the one beside it, and a random one.
fn values(image: &[u8], word: usize) -> Vec<[u8; WORD]> {
    let at = |word: usize| -> [u8; WORD] {
        let bytes = image.get(word * WORD..(word + 1) * WORD);
        bytes
            .and_then(|bytes| bytes.first_chunk())
            .copied()
            .unwrap_or_default()
    };
    let old = at(word);
    let number = u32::from_le_bytes(old);
    let random = mix(from_usize(word)).to_le_bytes();
    let mut values = vec![
        [0; WORD],
        [0xff; WORD],
        number.wrapping_add(1).to_le_bytes(),
        at(word + 1),
        [random[0], random[1], random[2], random[3]],
    ];
    values.sort_unstable();
    values.dedup();
    values.retain(|value| *value != old);
    values
}

/// Runs every operation on an image, and adds up the outcomes of those of one name.
///
/// # Panics
/// When an operation panics, reads outside the image or does not end.
#[must_use]
pub fn enumerate_all(image: &[u8]) -> Vec<(&'static str, Outcome)> {
    let opened = Examiner::default().open(image).expect("a sound image");
    let superblock = opened.superblock().clone();
    let operations = operations(image);
    let outcomes: Vec<_> = operations
        .par_iter()
        .with_max_len(1)
        .map(|operation| (operation.name, enumerate(image, &superblock, operation)))
        .collect();
    let mut sums: Vec<(&'static str, Outcome)> = Vec::new();
    for (name, outcome) in outcomes {
        match sums.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => sum.add(outcome),
            None => sums.push((name, outcome)),
        }
    }
    sums
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.loads += other.loads;
        self.runs += other.runs;
        self.most = self.most.max(other.most);
    }
}
