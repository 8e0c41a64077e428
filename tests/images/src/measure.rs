// SPDX-License-Identifier: MIT OR Apache-2.0
//! All counts of one run, as a page.

use std::fmt::Write as _;

use anyhow::Result;
use daxfs_format::Rule;
use indicatif::HumanCount;

use crate::mutate::{self, Counts, Extent, Pairs};
use crate::num::from_usize;
use crate::panics;
use crate::reference::reference;
use crate::refetch::{self, Outcome};

/// The counts of a run.
pub struct Measured {
    extent: Extent,
    bytes: Counts,
    words: Counts,
    pairs: Pairs,
    unsealed: Counts,
    refetched: Vec<(&'static str, Outcome)>,
    panics: Vec<String>,
}

impl Measured {
    /// Runs everything on the reference image; `say` reports each part.
    ///
    /// # Errors
    /// When the search for ways to panic cannot be made.
    pub fn run(extent: Extent, say: impl Fn(&str)) -> Result<Self> {
        let image = reference();
        say("values of single bytes");
        let bytes = mutate::bytes(&image, extent);
        say("boundary values of words");
        let words = mutate::boundaries(&image, extent);
        say("fields and pairs of fields");
        let pairs = mutate::pairs(&image, extent);
        say("values of single bytes, not sealed");
        let unsealed = mutate::unsealed(&image, extent);
        say("words that change between two loads");
        let refetched = refetch::enumerate_all(&image);
        say("ways to panic");
        let panics = panics::search()?;
        Ok(Self {
            extent,
            bytes,
            words,
            pairs,
            unsealed,
            refetched,
            panics,
        })
    }

    /// Descriptions of all defects.
    pub fn bad(&self) -> impl Iterator<Item = &String> {
        let pairs = self.pairs.iter().map(|(_, counts)| counts);
        let all = [&self.bytes, &self.words, &self.unsealed].into_iter();
        let mutants = all.chain(pairs).flat_map(|counts| &counts.bad);
        mutants.chain(&self.panics)
    }

    /// The number of mutants and runs.
    #[must_use]
    pub fn tried(&self) -> u64 {
        let refetched = self.refetched.iter().map(|(_, outcome)| outcome.runs);
        self.sealed().mutants + self.unsealed.mutants + refetched.sum::<u64>()
    }

    /// All mutants that were re-sealed, as one.
    fn sealed(&self) -> Counts {
        let mut sum = self.bytes.clone();
        sum += self.words.clone();
        for (_, counts) in &self.pairs {
            sum += counts.clone();
        }
        sum
    }

    /// The counts as a page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let command = match self.extent {
            Extent::Full => "cargo xtask hostile",
            Extent::Quick => "cargo xtask hostile --quick",
        };
        let mut text = HEAD.replace("COMMAND", command);
        self.mutants(&mut text);
        self.rules(&mut text);
        self.loads(&mut text);
        let _ = writeln!(text, "{PANICS}References found: {}.", self.panics.len());
        text
    }

    fn mutants(&self, text: &mut String) {
        text.push_str(MUTANTS);
        let mut row = |kind: &str, counts: &Counts| {
            let numbers = [
                counts.mutants,
                counts.rejected,
                counts.contents,
                counts.harmless,
                from_usize(counts.bad.len()),
            ];
            let _ = writeln!(text, "| {kind} | {} |", cells(&numbers));
        };
        row("values of each byte", &self.bytes);
        row("boundary values of each word", &self.words);
        for (name, counts) in &self.pairs {
            row(&format!("fields and pairs of fields: {name}"), counts);
        }
        row(
            "values of each byte of superblock and metadata, not sealed",
            &self.unsealed,
        );
        let sealed = self.sealed();
        let near = permille(sealed.near, sealed.rejected);
        let near = format!("{}.{} %", near / 10, near % 10);
        text.push_str(&NEAR.replace("NEAR", &near));
    }

    fn rules(&self, text: &mut String) {
        let sealed = self.sealed();
        text.push_str(RULES);
        let all: Vec<_> = Rule::ALL.iter().zip(&sealed.reached).collect();
        let height = all.len().div_ceil(3);
        for row in 0..height {
            let cells = [row, row + height, row + 2 * height].map(|index| match all.get(index) {
                Some((rule, count)) => format!("`{rule}` | {}", HumanCount(**count)),
                None => " | ".to_owned(),
            });
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        for rule in sealed.unreached() {
            let _ = write!(text, "\nNo such mutant reaches `{rule}`; a class does.\n");
        }
    }

    fn loads(&self, text: &mut String) {
        text.push_str(LOADS);
        let (mut loads, mut runs) = (0, 0);
        for (name, outcome) in &self.refetched {
            let numbers = [
                outcome.operations,
                outcome.loads,
                outcome.runs,
                outcome.most,
            ];
            let _ = writeln!(text, "| {name} | {} |", cells(&numbers));
            loads += outcome.loads;
            runs += outcome.runs;
        }
        let _ = writeln!(text, "| all | | {} | |", cells(&[loads, runs]));
    }
}

/// Numbers as cells of a table.
fn cells(numbers: &[u64]) -> String {
    let cells = numbers.iter().map(|&number| HumanCount(number).to_string());
    cells.collect::<Vec<_>>().join(" | ")
}

const HEAD: &str = "\
# Hostile images: counts

Written by `COMMAND`. [hostile.md](../hostile.md) explains the runs.

## Mutants
";

const MUTANTS: &str = "
| mutants | number | rejected | by the digest of a content | harmless | bad |
|---|--:|--:|--:|--:|--:|
";

const NEAR: &str = "
Of the rejected ones that were sealed again, NEAR are found in the section that was changed.
Of those not sealed, the XXH64 and the SHA-256 of the section each catch every one, or the
superblock's checksum does.
";

const RULES: &str = "
Mutants that reached each rule, of those sealed again:

| rule | mutants | rule | mutants | rule | mutants |
|---|--:|---|--:|---|--:|
";

const LOADS: &str = "
## Words that change between two loads

| operation | operations | loads changed | runs | most reads in a run |
|---|--:|--:|--:|--:|
";

const PANICS: &str = "
## References to functions that panic

Searched in an optimised build that uses every reader and every check of the format crate.
";

fn permille(part: u64, whole: u64) -> u64 {
    (part * 1000).checked_div(whole).unwrap_or(0)
}
