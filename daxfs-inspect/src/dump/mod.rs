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
//! | [`record`] | a line |
//! | [`superblock`] | superblock and section table |
//! | [`inodes`] | inodes with their entries, targets and extents |
//! | [`tables`] | attribute sets and digests |

pub mod inodes;
pub mod record;
pub mod superblock;
pub mod tables;

use std::io::{self, Write};
use std::ops::ControlFlow;

use anyhow::Result;
use daxfs_image::format::check::{
    check_structure, verify_checksums, verify_section_digests, Outcome, Scratch, ScratchSize, Sink,
    Stop,
};
use daxfs_image::format::superblock::{RawSuperblock, SuperblockCopy};
use daxfs_image::format::{Finding, Image, Memory, Xxh64};

use crate::cli::ImageArgs;
use crate::console::Console;
use crate::open::{self, Candidate};
use daxfs_image::hash::Sha256;
use record::{Form, Record};

/// The version of the text form. It changes when an image's dump does.
pub const VERSION: u32 = 1;

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
            crate::report_cause(&image, console);
        }
        Err(error) => {
            console.problem(format_args!("{name}: {error}"));
            let mut dump = Dump {
                form,
                records: 0,
                out: &mut *console.out,
            };
            superblock::dump(&raw, &mut dump)?;
        }
    }
    Ok(())
}

/// Where records go.
pub struct Dump<'a> {
    form: Form,
    records: u64,
    out: &'a mut dyn Write,
}

impl Dump<'_> {
    /// A record of this dump's form.
    #[must_use]
    pub fn record(&self, name: &str) -> Record {
        Record::new(self.form, name)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// What the output says.
    pub fn write(&mut self, record: Record) -> io::Result<()> {
        self.records += 1;
        record.write(self.out)
    }
}

/// Prints all metadata of an image whose superblock was copied out as `raw`; then checks the image,
/// and reports what is wrong.
///
/// # Errors
/// What the output says.
pub fn dump<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    raw: &RawSuperblock,
    form: Form,
    console: &mut Console<'_>,
) -> io::Result<()> {
    let mut dump = Dump {
        form,
        records: 0,
        out: &mut *console.out,
    };
    let mut faults = Vec::new();
    superblock::dump(raw, &mut dump)?;
    inodes::dump(image, &mut dump, &mut faults)?;
    tables::dump_xattrs(image, &mut dump, &mut faults)?;
    tables::dump_digests(image, &mut dump, &mut faults)?;
    let end = dump.record("end").number("records", dump.records);
    dump.write(end)?;
    for fault in faults {
        console.damage(fault);
    }
    check(image, console);
    Ok(())
}

/// Checks the image and reports what is wrong.
fn check<M: Memory, X: Xxh64>(image: &Image<M, X>, console: &mut Console<'_>) {
    let outcome = open::superblock_of(image).map(|superblock| {
        let mut buffer = vec![0; 64 << 10];
        let mut sink = |finding: Finding| {
            console.damage(finding);
            ControlFlow::Continue(())
        };
        let sink: &mut Sink<'_> = &mut sink;
        [
            verify_checksums(image, &superblock, &mut buffer, sink),
            verify_section_digests::<Sha256, _, _>(image, &superblock, &mut buffer, sink),
            check_rules(image, &superblock, &mut buffer, sink),
        ]
    });
    match outcome {
        Ok(outcomes) => {
            // The sink never stops a check, and the scratch memory has the size that was asked for.
            for outcome in outcomes {
                if let Err(Stop::Memory(fault)) = outcome {
                    console.damage(fault);
                }
            }
        }
        Err(error) => console.damage(error),
    }
}

fn check_rules<M: Memory, X: Xxh64>(
    image: &Image<M, X>,
    superblock: &SuperblockCopy,
    buffer: &mut [u8],
    sink: &mut Sink<'_>,
) -> Outcome {
    let size = ScratchSize::of(image);
    let mut scratch = Scratch {
        links: &mut vec![0; size.inodes],
        owners: &mut vec![0; size.inodes],
        acls: &mut vec![0; size.sets],
        pages: &mut vec![0; size.page_words],
        buffer,
    };
    check_structure(image, superblock, &mut scratch, sink)
}
