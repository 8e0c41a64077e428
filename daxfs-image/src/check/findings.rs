// SPDX-License-Identifier: MIT OR Apache-2.0
//! The findings of a check.
//!
//! A hostile image has as many findings as it has bytes, so only those are kept that come first in
//! the image, whatever the order in which threads report them.

use std::ops::ControlFlow;

use daxfs_format::{Finding, Object, Rule};

/// The findings of a check: all are counted, the first are kept.
#[derive(Debug)]
pub struct Findings {
    kept: Vec<Finding>,
    keep: usize,
    total: u64,
    /// The sort key of the last finding that is kept, once there are enough. Later ones are not
    /// kept.
    bound: Option<Key>,
}

/// The sort key of findings.
type Key = (u64, Rule, u32);

impl Findings {
    /// An empty list that keeps the first `keep` findings.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            kept: Vec::new(),
            keep: keep.max(1),
            total: 0,
            bound: None,
        }
    }

    /// An empty list that keeps as many findings as `self`.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self::new(self.keep)
    }

    /// The number of findings, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns true if there were no findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Takes a finding.
    pub fn push(&mut self, finding: Finding) {
        self.total = self.total.saturating_add(1);
        if self.bound.is_some_and(|bound| key(&finding) >= bound) {
            return;
        }
        self.kept.push(finding);
        if self.kept.len() >= self.keep.saturating_mul(2) {
            self.shorten();
        }
    }

    /// A sink that takes every finding.
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

    /// The findings that were kept, in the order of their offsets.
    #[must_use]
    pub fn first(&mut self) -> &[Finding] {
        self.shorten();
        &self.kept
    }

    fn shorten(&mut self) {
        self.kept.sort_by_key(key);
        self.kept.truncate(self.keep);
        let last = self.kept.last().filter(|_| self.kept.len() == self.keep);
        self.bound = last.map(key);
    }
}

/// The sort key of a finding. The object distinguishes contents at the same offset.
fn key(finding: &Finding) -> Key {
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
