// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that is counted here in one run, as a part of the page about hostile images.

use std::fmt::Write as _;

use anyhow::Result;
use daxfs_format::Rule;
use indicatif::HumanCount;

use crate::mutate::{self, Counts, Extent, Pairs};
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
    /// Runs everything on the reference image; `say` hears what begins.
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

    /// What must not be.
    pub fn bad(&self) -> impl Iterator<Item = &String> {
        let pairs = self.pairs.iter().map(|(_, counts)| counts);
        let all = [&self.bytes, &self.words, &self.unsealed].into_iter();
        let mutants = all.chain(pairs).flat_map(|counts| &counts.bad);
        mutants.chain(&self.panics)
    }

    /// How many things were tried.
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

    /// The counts as a part of the page.
    #[must_use]
    pub fn markdown(&self) -> String {
        let how = match self.extent {
            Extent::Full => "--",
            Extent::Quick => "--quick",
        };
        let mut text = HEAD.replace(
            "COMMAND",
            format!("cargo xtask hostile {how}").trim_end_matches(" --"),
        );
        self.mutants(&mut text);
        self.rules(&mut text);
        self.loads(&mut text);
        let _ = write!(
            text,
            "\n## Ways to panic\n\nIn an optimised build that uses every reader and every check of the format crate, \
             {} references lead\nto a function that panics.\n",
            self.panics.len()
        );
        text
    }

    fn mutants(&self, text: &mut String) {
        text.push_str(MUTANTS);
        let mut row = |what: &str, counts: &Counts| {
            let numbers = [
                counts.mutants,
                counts.rejected,
                counts.contents,
                counts.harmless,
                u64::try_from(counts.bad.len()).unwrap_or(u64::MAX),
            ];
            let _ = writeln!(
                text,
                "| {what} | {} |",
                numbers
                    .map(|number| HumanCount(number).to_string())
                    .join(" | ")
            );
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
        let _ = write!(
            text,
            "\nOf the rejected ones that were re-sealed, {}.{} % are found in the section that was changed. Not sealed, \
             both\nthe XXH64 and the SHA-256 of the section catch every one, or the superblock's checksum does.\n",
            near / 10,
            near % 10
        );
    }

    fn rules(&self, text: &mut String) {
        let sealed = self.sealed();
        text.push_str("\nHow many of the re-sealed mutants reached each rule:\n\n");
        text.push_str(
            "| rule | mutants | rule | mutants | rule | mutants |\n|---|--:|---|--:|---|--:|\n",
        );
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
            let _ = writeln!(
                text,
                "| {name} | {} |",
                numbers
                    .map(|number| HumanCount(number).to_string())
                    .join(" | ")
            );
            loads += outcome.loads;
            runs += outcome.runs;
        }
        let _ = writeln!(
            text,
            "| all | | {} | {} | |",
            HumanCount(loads),
            HumanCount(runs)
        );
    }
}

const HEAD: &str = "\
## Mutants

`COMMAND` judges every mutant of the reference image, and wrote this page down to the table of
breaks; the tests judge about eight values of each byte, and four of each field in pairs. A mutant
that is accepted is walked: each inode, each name by iteration, by lookup and from the cookie before it, each
target, attribute, segment and digest. (Of the values of a byte of a file's contents all are checked and
one is walked.) *Bad* is whatever is accepted and cannot be read, or is read in two ways, or is found outside
the image. The fields of each structure are those of the tables in [format.md](format.md).
";

const MUTANTS: &str = "
| mutants | number | rejected | by the digest of a content | harmless | bad |
|---|--:|--:|--:|--:|--:|
";

const LOADS: &str = "
## Words that change between two loads

Each operation runs once to note how often it loads each 4-byte word, and again for each load with other
values there (none, all ones, one more, the word beside it, a random one), once or from then on. No run
panicked, read outside the image or made more loads than the image has bytes; the test
`every_word_changes_at_every_load` repeats it, and `every_reader_is_an_operation` compares the list with the readers
of the format crate.

| operation | operations | loads changed | runs | most reads in a run |
|---|--:|--:|--:|--:|
";

fn permille(part: u64, whole: u64) -> u64 {
    (part * 1000).checked_div(whole).unwrap_or(0)
}
