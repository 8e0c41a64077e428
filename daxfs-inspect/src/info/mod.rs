// SPDX-License-Identifier: MIT OR Apache-2.0
//! `daxfs-inspect info`: superblock, sections and counts of an image.
//!
//! | module | owns |
//! |---|---|
//! | [`summary`] | an image that can be opened |
//! | [`raw`] | a damaged superblock |

pub mod raw;
pub mod summary;

use std::os::unix::ffi::OsStrExt as _;

use anyhow::Result;
use daxfs_cli::json::{Kind, Text};

use crate::cli::ImageArgs;
use crate::console::{Console, Form};
use crate::open::{self, Candidate};

/// Runs the command.
///
/// # Errors
/// Those of reading the file, and of the output.
pub fn run(arguments: &ImageArgs, console: &mut Console<'_>) -> Result<()> {
    let candidate = Candidate::read(&arguments.image, console)?;
    let name = candidate.name.clone();
    let path = Text(arguments.image.as_os_str().as_bytes().to_vec());
    let file_size = candidate.file_size();
    let superblock = candidate.superblock.raw().to_owned();
    let identity = candidate.superblock.identity::<daxfs_image::hash::Sha256>();
    match candidate.open(console) {
        Ok(image) => {
            let summary = summary::Summary::of(&image, path, identity, console);
            if console.form() == Form::Json {
                console.json(Kind::Image, &summary)?;
            } else {
                summary.print(console)?;
            }
            open::report_cause(&image, console);
        }
        Err(error) => {
            console.problem(format_args!("{name}: {error}"));
            let fields = raw::Fields::of(&superblock, path, file_size);
            if console.form() == Form::Json {
                console.json(Kind::Superblock, &fields)?;
            } else {
                fields.print(console)?;
            }
        }
    }
    Ok(())
}
