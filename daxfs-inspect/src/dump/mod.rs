// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect dump`: all metadata as text, in the form that docs/dump.md describes.
//!
//! Structures are printed as they lie in the image, even if they break a rule. Reserved bytes are
//! printed if they are not zero. Bytes that are not printed, because they are out of bounds or
//! belong to nothing, are findings of the structural check. So two images whose dumps are complete
//! and equal have the same metadata.
//!
//! | module | owns |
//! |---|---|
//! | [`record`] | a line, and the output that takes it |
//! | [`superblock`] | superblock and section table |
//! | [`inodes`] | inodes with their entries, targets and extents |
//! | [`tables`] | attribute sets and digests |
//! | `check` | the check that follows the records |

mod check;
pub mod inodes;
pub mod record;
pub mod superblock;
pub mod tables;

use std::io;

use anyhow::Result;
use daxfs_image::format::superblock::RawSuperblock;
use daxfs_image::format::Memory;
use daxfs_image::Opened;

use crate::cli::ImageArgs;
use crate::console::{Console, Form};
use crate::open::{self, Candidate};
use record::Dump;

/// Runs the command.
///
/// # Errors
/// Those of reading the file, and of the output.
pub fn run(arguments: &ImageArgs, console: &mut Console<'_>) -> Result<()> {
    let form = console.form();
    let candidate = Candidate::read(&arguments.image, console)?;
    let name = candidate.name.clone();
    let raw = Box::new(candidate.superblock.raw().to_owned());
    match candidate.open(console) {
        Ok(image) => {
            dump(&image, &raw, form, console)?;
            open::report_cause(&image, console);
        }
        Err(error) => {
            console.problem(format_args!("{name}: {error}"));
            let mut dump = Dump::new(form, &mut *console.out);
            superblock::dump(&raw, &mut dump)?;
        }
    }
    Ok(())
}

/// Prints all metadata of an image whose superblock was copied out as `raw`; then checks the image,
/// and reports the findings.
///
/// # Errors
/// Those of the output.
pub fn dump<M: Memory>(
    image: &Opened<M>,
    raw: &RawSuperblock,
    form: Form,
    console: &mut Console<'_>,
) -> io::Result<()> {
    let mut dump = Dump::new(form, &mut *console.out);
    let mut faults = Vec::new();
    superblock::dump(raw, &mut dump)?;
    inodes::dump(image, &mut dump, &mut faults)?;
    tables::dump_xattrs(image, &mut dump, &mut faults)?;
    tables::dump_digests(image, &mut dump, &mut faults)?;
    dump.end()?;
    for fault in faults {
        console.damage(fault);
    }
    check::check(image, console);
    Ok(())
}
