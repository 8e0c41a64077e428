// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lookup in a directory, by name and by cookie.

use core::cmp::Ordering;

use super::cookie::{Cookie, Position};
use super::name::NameBuf;
use super::unit::{DirEntry, Directory, RawDirEntry};
use crate::error::Result;
use crate::hash::NameHash;
use crate::memory::Memory;
use crate::num::rough_root;

/// The number of guesses by interpolation before a search bisects.
const GUESSES: u32 = 6;

impl Directory {
    /// The index of the first entry for which `order` is not `Less`, and the entry if it is
    /// `Equal`.
    ///
    /// `order` compares an entry with the target, and must agree with `hash`.
    fn search<M: Memory + ?Sized>(
        &self,
        memory: &M,
        hash: NameHash,
        mut order: impl FnMut(&RawDirEntry, u32) -> Result<Ordering>,
    ) -> Result<(u32, Option<RawDirEntry>)> {
        let mut range = SearchRange::new(self.count);
        while let Some(probe) = range.probe(hash) {
            let raw = self.raw_entry(memory, probe)?;
            match order(&raw, probe)? {
                Ordering::Equal => return Ok((probe, Some(raw))),
                Ordering::Less => range.raise(probe, raw.hash.get()),
                Ordering::Greater => range.lower(probe, raw.hash.get()),
            }
        }
        Ok((range.low, None))
    }

    /// The entry with this name, which hashes to `hash`.
    pub(crate) fn find<M: Memory + ?Sized>(
        &self,
        memory: &M,
        name: &[u8],
        hash: NameHash,
    ) -> Result<Option<DirEntry>> {
        let mut buffer = NameBuf::new();
        let (index, found) = self.search(memory, hash, |raw, index| {
            match NameHash(raw.hash.get()).cmp(&hash) {
                Ordering::Equal => {
                    let entry = self.validate(raw, index)?;
                    Ok(self.read_name(memory, &entry, &mut buffer)?.cmp(name))
                }
                unequal => Ok(unequal),
            }
        })?;
        found.map(|raw| self.validate(&raw, index)).transpose()
    }

    /// The index of the first entry whose hash is not below `hash`.
    fn lower_bound<M: Memory + ?Sized>(&self, memory: &M, hash: u64) -> Result<u32> {
        let near = NameHash(u32::try_from(hash).unwrap_or(u32::MAX));
        let (index, _) = self.search(memory, near, |raw, _| {
            Ok(if u64::from(raw.hash.get()) < hash {
                Ordering::Less
            } else {
                Ordering::Greater
            })
        })?;
        Ok(index)
    }

    /// Returns true if a position is after the last entry, as far as the last two entries show it.
    /// Every listing ends at the position after the last entry.
    fn ends_before<M: Memory + ?Sized>(&self, memory: &M, cookie: Cookie) -> Result<bool> {
        let hash_of = |back| -> Result<Option<u32>> {
            let index = self.count.checked_sub(back);
            let raw = index.map(|index| self.raw_entry(memory, index));
            Ok(raw.transpose()?.map(|raw| raw.hash.get()))
        };
        let (last, sought) = (hash_of(1)?, Some(cookie.hash.0));
        Ok(last < sought || (last == sought && cookie.rank != 0 && hash_of(2)? < sought))
    }

    /// The position of a cookie: the first entry that does not come before it.
    pub(crate) fn seek<M: Memory + ?Sized>(&self, memory: &M, cookie: Cookie) -> Result<Position> {
        let index = if cookie == Cookie::START {
            0
        } else if self.ends_before(memory, cookie)? {
            self.count
        } else {
            let hash = u64::from(cookie.hash.0);
            let first = self.lower_bound(memory, hash)?;
            let index = first.saturating_add(cookie.rank);
            if index == first {
                first
            } else {
                let next = self.lower_bound(memory, hash.saturating_add(1))?;
                index.min(next.max(first))
            }
        };
        Ok(Position {
            index,
            floor: cookie,
        })
    }
}

/// The part of a directory that may still hold the target.
///
/// # Invariants
/// `low <= high`; every step makes the range shorter, whatever the hashes are.
struct SearchRange {
    low: u32,
    high: u32,
    low_hash: u32,
    high_hash: u32,
    guesses: u32,
    missed: Missed,
}

/// The side of the last guess on which the target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missed {
    Nothing,
    Above,
    Below,
}

impl SearchRange {
    fn new(count: u32) -> Self {
        Self {
            low: 0,
            high: count,
            low_hash: 0,
            high_hash: u32::MAX,
            guesses: GUESSES,
            missed: Missed::Nothing,
        }
    }

    /// An index in the range, or `None` when it is empty.
    fn probe(&mut self, hash: NameHash) -> Option<u32> {
        let length = self
            .high
            .checked_sub(self.low)
            .filter(|&length| length != 0)?;
        let steps = if self.guesses == 0 || length < 4 {
            length >> 1
        } else {
            self.guesses = self.guesses.saturating_sub(1);
            self.interpolate(hash, length)
        };
        Some(self.low.saturating_add(steps))
    }

    /// The expected index of a hash among `length` entries whose hashes are spread evenly.
    ///
    /// Guesses tend to fall short on the same side again and again. After a miss the next guess
    /// therefore overshoots the target by the deviation of an even spread.
    fn interpolate(&self, hash: NameHash, length: u32) -> u32 {
        let last = length.saturating_sub(1);
        let into = u64::from(hash.0.saturating_sub(self.low_hash));
        let span = u64::from(self.high_hash.saturating_sub(self.low_hash)).saturating_add(1);
        let steps = into
            .saturating_mul(length.into())
            .checked_div(span)
            .unwrap_or_default();
        let steps = u32::try_from(steps).unwrap_or(u32::MAX).min(last);
        let deviation = rough_root(steps.min(last.saturating_sub(steps)));
        let margin = (deviation >> 1).saturating_add(1);
        match self.missed {
            Missed::Nothing => steps,
            Missed::Above => steps.saturating_add(margin).min(last),
            Missed::Below => steps.saturating_sub(margin),
        }
    }

    fn raise(&mut self, probe: u32, hash: u32) {
        self.low = probe.saturating_add(1).min(self.high);
        self.low_hash = hash;
        self.missed = Missed::Above;
    }

    fn lower(&mut self, probe: u32, hash: u32) {
        self.high = probe.max(self.low);
        self.high_hash = hash;
        self.missed = Missed::Below;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plain interpolation without a margin has the same mean, but one lookup in a hundred takes as
    /// many probes as a bisection.
    #[test]
    fn lookups_in_a_large_directory_take_few_probes() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).unwrap()
        };
        let mut hashes: Vec<u32> = (0..1_000_000).map(|_| random()).collect();
        hashes.sort_unstable();
        let mut counts: Vec<u32> = (0..10_000)
            .map(|_| {
                let target = hashes[usize::try_from(random()).unwrap() % hashes.len()];
                let mut range = SearchRange::new(1_000_000);
                let mut probes = 0;
                while let Some(probe) = range.probe(NameHash(target)) {
                    probes += 1;
                    let found = hashes[usize::try_from(probe).unwrap()];
                    match found.cmp(&target) {
                        Ordering::Equal => break,
                        Ordering::Less => range.raise(probe, found),
                        Ordering::Greater => range.lower(probe, found),
                    }
                }
                probes
            })
            .collect();
        counts.sort_unstable();
        assert!(counts[5_000] <= 6, "median {}", counts[5_000]);
        assert!(counts[9_900] <= 9, "99 % {}", counts[9_900]);
    }

    #[test]
    fn a_search_ends_whatever_the_probes_say() {
        // Each answer is the least helpful one; the bound is guesses plus a bisection of 2^32.
        for answer in [Ordering::Less, Ordering::Greater] {
            for hash in [0, 1, u32::MAX / 2, u32::MAX] {
                let mut range = SearchRange::new(u32::MAX);
                let mut probes = 0;
                while let Some(probe) = range.probe(NameHash(hash)) {
                    probes += 1;
                    match answer {
                        Ordering::Less => range.raise(probe, hash),
                        _ => range.lower(probe, hash),
                    }
                }
                assert!(probes <= GUESSES + 33, "{probes}");
            }
        }
    }
}
