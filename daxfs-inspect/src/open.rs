// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening an image, even with a damaged superblock or a missing end.
//!
//! Damaged images are worth inspecting. So a superblock with a wrong checksum and an image that is
//! shorter than stated are reported, and then read as far as possible.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use daxfs_image::format::superblock::{SuperblockCopy, SUPERBLOCK_SIZE};
use daxfs_image::format::{Error, Memory, ReadFault, Rule};
use daxfs_image::hash::Xxh64;
use daxfs_image::path::{self, Found, LastLink};
use daxfs_image::{FileMemory, Opened};
use zerocopy::IntoBytes as _;

use crate::console::Console;

mod sections;

use sections::Touched;
pub use sections::{checksum, stated_checksum, warn_of_checksums};

/// An image under inspection.
pub type Inspected = Opened<Salvaged>;

/// A file as the memory of an image whose superblock may have been corrected and whose end may be
/// missing.
#[derive(Debug)]
pub struct Salvaged {
    file: FileMemory,
    superblock: Box<[u8; SUPERBLOCK_SIZE]>,
    size: u64,
    /// The printable name of the file.
    name: String,
    /// The sections that were read from.
    touched: Touched,
}

impl Salvaged {
    /// The error of the operating system behind the last fault, if there was one.
    pub fn take_error(&self) -> Option<io::Error> {
        self.file.take_error()
    }
}

impl Memory for Salvaged {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadFault> {
        self.touched.note(offset);
        self.file.read(offset, into)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let corrected = self.superblock.get(start..).unwrap_or_default();
        for (byte, corrected) in into.iter_mut().zip(corrected) {
            *byte = *corrected;
        }
        Ok(())
    }
}

/// A file whose superblock has been copied out, without validation.
#[derive(Debug)]
pub struct Candidate {
    file: FileMemory,
    /// The printable name of the file.
    pub name: String,
    /// The superblock as it is in the file.
    pub superblock: Box<SuperblockCopy>,
}

impl Candidate {
    /// Copies the superblock out of a regular file or block device.
    ///
    /// # Errors
    /// Those of opening and reading the file, and a file that is shorter than a superblock.
    pub fn read(path: &Path, console: &mut Console<'_>) -> Result<Self> {
        let name = console.set_image(path);
        let cannot = || format!("cannot read {name}");
        let file = FileMemory::open(path).with_context(cannot)?;
        let mut superblock = Box::new(SuperblockCopy::zeroed());
        if let Err(error) = superblock.fill(&file) {
            return match file.take_error() {
                Some(cause) => Err(cause).with_context(cannot),
                None => Err(error).with_context(|| name.clone()),
            };
        }
        Ok(Self {
            file,
            name,
            superblock,
        })
    }

    /// The length of the file in bytes.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.file.size()
    }

    /// Opens the image, after correcting a copy of the superblock as far as possible.
    ///
    /// # Errors
    /// The rule for which nothing after the superblock can be located.
    pub fn open(self, console: &mut Console<'_>) -> Result<Inspected, Error> {
        let mut corrected = SuperblockCopy::zeroed();
        corrected
            .as_mut_bytes()
            .copy_from_slice(self.superblock.raw().as_bytes());
        let mut size = self.file.size();
        // Each of the two corrections happens at most once.
        for _ in 0..2 {
            let Err(error) = corrected.validate::<Xxh64>(size) else {
                break;
            };
            if !correct(&error, &mut corrected, &mut size) {
                return Err(error);
            }
            self.report(&error, console);
        }
        let mut superblock = Box::new([0; SUPERBLOCK_SIZE]);
        superblock.copy_from_slice(corrected.raw().as_bytes());
        let memory = Salvaged {
            file: self.file,
            superblock,
            size,
            name: self.name,
            touched: Touched::default(),
        };
        let image = Opened::open(memory)?;
        image.memory().touched.watch(&image);
        Ok(image)
    }

    /// Reports the defect in spite of which the image is read.
    fn report(&self, error: &Error, console: &mut Console<'_>) {
        let name = &self.name;
        if is_truncated(error) {
            let bytes = self.file.size();
            console.problem(format_args!("{name}: {error}; the file has {bytes} bytes"));
        } else {
            console.problem(format_args!("{name}: {error}"));
        }
    }
}

fn is_truncated(error: &Error) -> bool {
    matches!(error, Error::Corrupt(finding) if finding.rule == Rule::ImageTruncated)
}

/// Corrects the defect that an error is about. Returns true if the rest of the superblock is
/// usable.
fn correct(error: &Error, superblock: &mut SuperblockCopy, size: &mut u64) -> bool {
    match error {
        Error::Corrupt(finding) if finding.rule == Rule::ImageTruncated => {
            *size = finding.value;
            true
        }
        Error::Corrupt(finding) if finding.rule == Rule::SuperblockChecksum => {
            let checksum = superblock.raw().checksum::<Xxh64>().to_le_bytes();
            let bytes = superblock.as_mut_bytes();
            let at = bytes.len() - checksum.len();
            bytes[at..].copy_from_slice(&checksum);
            true
        }
        _ => false,
    }
}

/// Opens the image in a file.
///
/// # Errors
/// The reason for which the file is not an image that can be read, with the file's name.
pub fn open(path: &Path, console: &mut Console<'_>) -> Result<Inspected> {
    let candidate = Candidate::read(path, console)?;
    let context = format!("cannot open {} as an image", candidate.name);
    candidate.open(console).context(context)
}

/// Finds the inode that a path in the image names. A path that names nothing is reported.
pub fn find(
    image: &Inspected,
    path: &OsStr,
    last: LastLink,
    console: &mut Console<'_>,
) -> Option<Found> {
    let path = path.as_bytes();
    path::find(image, path, last)
        .inspect_err(|error| console.problem_at(path, error))
        .ok()
}

/// Ends the inspection of an image: warns of damaged sections that were read, and reports the cause
/// of faults.
pub fn close(image: &Inspected, console: &mut Console<'_>) {
    warn_of_checksums(image, console);
    report_cause(image, console);
}

/// Reports the error of the operating system behind faults that were reported, if there was one.
pub fn report_cause(image: &Inspected, console: &mut Console<'_>) {
    if let Some(error) = image.memory().take_error() {
        // The file ends early, as the reported faults have shown.
        if error.kind() != io::ErrorKind::UnexpectedEof {
            console.problem(format_args!("the last read that failed: {error}"));
        }
    }
}
