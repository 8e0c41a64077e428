// SPDX-License-Identifier: MIT OR Apache-2.0
//! The findings of a check.
//!
//! A hostile image has as many findings as it has bytes, so only some are kept: those that come first
//! in the image, whatever the order in which threads report them.

use std::ops::ControlFlow;

use daxfs_format::{Finding, Object, Rule};

/// The findings of a check: all are counted, the first are kept.
#[derive(Debug)]
pub struct Findings {
    kept: Vec<Finding>,
    keep: usize,
    total: u64,
    /// The place of the last one that is kept, once there are enough: what comes after it is not.
    bound: Option<Place>,
}

/// What findings are sorted by.
type Place = (u64, Rule, u32);

impl Findings {
    /// No findings, and room for `keep` of them.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            kept: Vec::new(),
            keep: keep.max(1),
            total: 0,
            bound: None,
        }
    }

    /// No findings, and as much room as `self` has.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::new(self.keep)
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Takes a finding.
    pub fn push(&mut self, finding: Finding) {
        self.total = self.total.saturating_add(1);
        if self.bound.is_some_and(|bound| place(&finding) >= bound) {
            return;
        }
        self.kept.push(finding);
        if self.kept.len() >= self.keep.saturating_mul(2) {
            self.shorten();
        }
    }

    /// Takes a finding, as a sink that wants all of them.
    pub fn sink(&mut self) -> impl FnMut(Finding) -> ControlFlow<()> + '_ {
        |finding| {
            self.push(finding);
            ControlFlow::Continue(())
        }
    }

    /// Takes the findings of another thread.
    pub fn append(&mut self, other: Self) {
        let unkept = other.total.saturating_sub(length(&other.kept));
        self.total = self.total.saturating_add(unkept);
        for finding in other.kept {
            self.push(finding);
        }
    }

    /// Those that were kept, in the order of their offsets.
    #[must_use]
    pub fn first(&mut self) -> &[Finding] {
        self.shorten();
        &self.kept
    }

    fn shorten(&mut self) {
        self.kept.sort_by_key(place);
        self.kept.truncate(self.keep);
        let last = self.kept.last().filter(|_| self.kept.len() == self.keep);
        self.bound = last.map(place);
    }
}

/// The place of a finding; the object tells contents that lie at one offset apart.
fn place(finding: &Finding) -> Place {
    let object = match finding.object {
        Object::Inode(ino) => ino,
        Object::Content(content) => content.get(),
        _ => 0,
    };
    (finding.offset, finding.rule, object)
}

fn length(findings: &[Finding]) -> u64 {
    u64::try_from(findings.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(offset: u64) -> Finding {
        Finding::new(Object::Gap, offset, Rule::Padding, 1)
    }

    #[test]
    fn the_first_are_kept_and_all_are_counted() {
        let mut findings = Findings::new(3);
        for offset in (0..100).rev() {
            findings.push(finding(offset));
        }
        let offsets: Vec<u64> = findings.first().iter().map(|f| f.offset).collect();
        assert_eq!((offsets, findings.total()), (vec![0, 1, 2], 100));
    }

    #[test]
    fn threads_in_any_order_give_the_same_findings() {
        let parts = |order: &[u64]| {
            let mut all = Findings::new(2);
            for &part in order {
                let mut own = all.sibling();
                (0..10).for_each(|n| own.push(finding(n * 3 + part)));
                all.append(own);
            }
            (all.first().to_vec(), all.total())
        };
        assert_eq!(parts(&[0, 1, 2]), parts(&[2, 0, 1]));
        assert_eq!(parts(&[0, 1, 2]).1, 30);
    }
}
