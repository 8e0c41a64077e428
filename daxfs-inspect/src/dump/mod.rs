// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect dump`: all metadata as text, in the form that docs/dump.md describes.
//!
//! Structures are printed as they lie in the image, also when they break a rule. Reserved bytes are
//! printed where they are not zero. What is not printed, because it lies where it may not or belongs
//! to nothing, the structural check reports; so two images whose dumps are complete and the same have
//! the same metadata.
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
use crate::console::Console;
use crate::open::{self, Candidate};
use record::{Dump, Form};

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, or the output takes nothing.
pub fn run(arguments: &ImageArgs, console: &mut Console<'_>) -> Result<()> {
    let form = if arguments.json {
        Form::Json
    } else {
        Form::Text
    };
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
/// and reports what is wrong.
///
/// # Errors
/// What the output says.
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
