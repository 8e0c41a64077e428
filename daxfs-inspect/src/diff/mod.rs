// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect diff`: the differences between the trees of two images.
//!
//! | module | owns |
//! |---|---|
//! | [`pairs`] | the walk over both trees at once |
//! | [`change`] | a field that changed |
//! | [`compare`] | two inodes with the same path |
//! | [`sets`] | two sets of attributes, by name |
//! | [`content`] | two contents, by digest or byte by byte |

pub mod change;
pub mod compare;
pub mod content;
pub mod pairs;
pub mod sets;

use anyhow::Result;
use daxfs_cli::json::{self, Bytes, Kind};
use daxfs_cli::number::plural;
use daxfs_image::format::Inode;
use serde::Serialize;

use crate::cli::DiffArgs;
use crate::console::{Console, Form};
use crate::human;
use crate::open;
use change::Change;
use compare::Comparison;
use pairs::{Pair, Pairs};

/// The result of comparing two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No difference was found so far.
    Unknown,
    /// The trees were compared completely, without a difference.
    Same,
    /// A difference was found.
    Different,
}

/// Runs the command. The verdict is correct even if this ends early, as after the reader has closed
/// the output.
///
/// # Errors
/// Those of opening the images, and of the output.
pub fn run(arguments: &DiffArgs, verdict: &mut Verdict, console: &mut Console<'_>) -> Result<()> {
    let a = open::open(&arguments.a, console)?;
    let b = open::open(&arguments.b, console)?;
    let mut pairs = Pairs::new(&a, &b, console)?;
    let mut comparison = Comparison::new(&a, &b);
    let mut counts = Counts::default();
    while let Some(pair) = pairs.step(console) {
        let difference = difference(&pair, &mut comparison, console);
        counts.add(&difference);
        if difference != Difference::None {
            *verdict = Verdict::Different;
            if arguments.quiet {
                return Ok(());
            }
        }
        print(&pair, &difference, console)?;
    }
    open::close(&a, console);
    open::close(&b, console);
    if counts.differ() == 0 {
        *verdict = Verdict::Same;
    }
    match console.form() {
        Form::Json if !arguments.quiet => console.json(Kind::Diff, &counts)?,
        Form::Text if counts.differ() != 0 => writeln!(console.out, "\n{}", counts.text())?,
        Form::Text | Form::Json => {}
    }
    Ok(())
}

/// The difference at a path.
#[derive(Debug, PartialEq, Eq)]
enum Difference {
    None,
    Removed,
    Added,
    Changed(Vec<Change>),
}

fn difference(
    pair: &Pair,
    comparison: &mut Comparison<'_>,
    console: &mut Console<'_>,
) -> Difference {
    match (&pair.a, &pair.b) {
        (Some(_), None) => Difference::Removed,
        (None, Some(_)) => Difference::Added,
        (None, None) => Difference::None,
        (Some(a), Some(b)) => match (a.inode, b.inode) {
            (Some(a), Some(b)) => {
                let changes = comparison.changes(&pair.path, &a, &b, console);
                if changes.is_empty() {
                    Difference::None
                } else {
                    Difference::Changed(changes)
                }
            }
            // Failures to read have been reported.
            _ => Difference::None,
        },
    }
}

/// The number of paths for each kind of difference.
#[derive(Debug, Default, Serialize)]
struct Counts {
    removed: u64,
    added: u64,
    changed: u64,
    same: u64,
}

impl Counts {
    fn add(&mut self, difference: &Difference) {
        *match difference {
            Difference::None => &mut self.same,
            Difference::Removed => &mut self.removed,
            Difference::Added => &mut self.added,
            Difference::Changed(_) => &mut self.changed,
        } += 1;
    }

    fn differ(&self) -> u64 {
        self.removed + self.added + self.changed
    }

    fn text(&self) -> String {
        let Self {
            removed,
            added,
            changed,
            same,
        } = self;
        let total = plural(self.differ() + same, "path");
        format!("{removed} removed, {added} added, {changed} changed, of {total}")
    }
}

/// A difference in JSON.
#[derive(Serialize)]
struct Line<'a> {
    change: &'static str,
    path: Bytes<'a>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    file_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a [Change]>,
}

fn print(pair: &Pair, difference: &Difference, console: &mut Console<'_>) -> Result<()> {
    let (sign, word, side, changes) = match difference {
        Difference::None => return Ok(()),
        Difference::Removed => ('-', "removed", &pair.a, None),
        Difference::Added => ('+', "added", &pair.b, None),
        Difference::Changed(changes) => ('~', "changed", &pair.b, Some(changes)),
    };
    let file_type = side
        .as_ref()
        .map(|side| side.inode.as_ref().map_or(side.file_type, Inode::file_type));
    if console.form() == Form::Json {
        let line = Line {
            change: word,
            path: Bytes(&pair.path),
            file_type: file_type.map(json::type_name),
            changes: changes.map(Vec::as_slice),
        };
        return Ok(console.json(Kind::Difference, &line)?);
    }
    let what = match changes {
        Some(changes) => changes
            .iter()
            .map(Change::text)
            .collect::<Vec<_>>()
            .join(", "),
        None => file_type.map_or("", human::type_name).to_owned(),
    };
    Ok(writeln!(
        console.out,
        "{sign} {}  {what}",
        console.name(&pair.path)
    )?)
}
